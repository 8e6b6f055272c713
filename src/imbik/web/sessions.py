"""Sessions: a sealed cookie that says who sits at which browser, and a second seal without which nothing is changed.

Enters: Members. Leaves: cookies (HttpOnly, SameSite=Strict, Secure under TLS) that a restart of the server outlives,
since nothing about them is kept here: the seal is an HMAC (RFC 2104) under a key derived from the person's own secret.
"""

from __future__ import annotations

import hmac
import secrets
import time
from typing import NamedTuple

from imbik.web.members import Members

SECONDS = 30 * 24 * 3600
"""How long a session holds."""


class Session(NamedTuple):
    """Who, and a random name of the browser."""

    person: str
    browser: str


class Sessions:
    """The cookies of one server. Its port is in the cookie's name: browsers part cookies by host only."""

    def __init__(self, members: Members, port: int, *, secure: bool = False) -> None:
        self.members, self.secure = members, secure
        self.cookie = f"imbik-{port}"

    def open(self, person: str) -> str:
        """The Set-Cookie header of a new session."""
        body = f"{person}|{secrets.token_urlsafe(12)}|{int(time.time()) + SECONDS}"
        value = f"{body.encode().hex()}.{self._seal('session', person, body)}"
        secure = "; Secure" if self.secure else ""
        return f"{self.cookie}={value}; Max-Age={SECONDS}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def close(self) -> str:
        """The Set-Cookie header that ends one."""
        return f"{self.cookie}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"

    def read(self, value: str) -> Session | None:
        """The session of a cookie; None where its seal, its person or its time does not hold."""
        body, _, seal = value.partition(".")
        try:
            plain = bytes.fromhex(body).decode()
            person, browser, until = plain.rsplit("|", 2)
            holds = float(until) > time.time()
        except ValueError:
            return None
        good = self._seal("session", person, plain)
        return Session(person, browser) if good and _same(good, seal) and holds else None

    def proof(self, session: Session) -> str:
        """What a page of this session sends along with every change."""
        return self._seal("page", session.person, session.browser)

    def proves(self, session: Session, given: str) -> bool:
        """Whether that is it."""
        wanted = self.proof(session)
        return bool(wanted) and _same(wanted, given)

    def _seal(self, purpose: str, person: str, text: str) -> str:
        key = self.members.seal(person)
        return hmac.digest(key, f"{purpose}\0{text}".encode(), "sha256").hex() if key else ""


def _same(wanted: str, given: str) -> bool:
    return hmac.compare_digest(wanted.encode(), given.encode(errors="replace"))
