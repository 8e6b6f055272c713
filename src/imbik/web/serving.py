"""Where a page is served, and the server: this machine only, unless somebody says in words that it may be reached.

Enters: what a person typed (host, port, certificate, names). Leaves: a Place that may be served, or a refusal that says
what to add; and a server that runs until Ctrl-C. Beyond this machine two things have to be said: that it is meant, and
how the way there is encrypted.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.core.errors import UsageError
from imbik.web.guard import Guard

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Place:
    """An address, and how it is reached: `names` are host names in links beside the address itself."""

    host: str = LOOPBACK
    port: int = 8321
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    reachable: bool = False
    plain: bool = False

    @property
    def scheme(self) -> str:
        """https where there is a certificate."""
        return "https" if self.certificate else "http"

    @property
    def here_only(self) -> bool:
        """Whether nobody else can connect."""
        return _loopback(self.host)

    @property
    def address(self) -> str:
        """What a person opens."""
        return f"{self.scheme}://{_with_port(self.names[0] if self.names else self.host, self.port)}"

    def hosts(self) -> Collection[str]:
        """Values of the Host header that are ours."""
        own = [self.host] if not _any(self.host) else []
        own += ["localhost", LOOPBACK, "::1"] if self.here_only else []
        usual = 443 if self.certificate else 80
        named = {_with_port(name, self.port) for name in (*own, *self.names)}
        return named | ({_bare(name) for name in (*own, *self.names)} if self.port == usual else set())

    def check(self) -> None:
        """Raises: UsageError for a place that may not be served as it was typed."""
        if (self.certificate is None) != (self.key is None):
            raise UsageError("a certificate and its key belong together", next="give both: --cert FILE --cert-key FILE")
        for path in (self.certificate, self.key):
            if path is not None and not path.is_file():
                raise UsageError("there is no such file", where=str(path), next="give the PEM file that is meant")
        if self.here_only:
            return
        if not self.reachable:
            raise UsageError(
                f"{self.host} can be reached from other machines",
                next="if that is meant, add --others-may-connect; else leave --host away: then only this machine can",
            )
        if self.certificate is None and not self.plain:
            raise UsageError(
                "rows and invitations would cross the network unencrypted",
                next="add --cert FILE --cert-key FILE; or --plain-http, where something in front of it encrypts",
            )
        if _any(self.host) and not self.names:
            raise UsageError(
                f"{self.host} is every address of this machine, so the name in the links is not known",
                next="say under which name it is opened: --name review.sirket.lan",
            )


def listen(place: Place) -> socket.socket:
    """The socket, bound, so that nobody is told an address that is taken.

    Raises: UsageError where it cannot be had.
    """
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((place.host, place.port))
        made.listen(128)
    except OSError as error:
        made.close()
        raise UsageError(
            f"port {place.port} of {place.host} cannot be had: {error.strerror}",
            next="stop what is served there, or give another: --port 8322 (invitations then name that port)",
        ) from None
    return made


def server(app: ASGIApp, place: Place) -> uvicorn.Server:
    """The server of a guarded application. Raises: UsageError for a certificate that cannot be used."""
    import uvicorn

    config = uvicorn.Config(
        Guard(app, place.hosts(), place.scheme),
        lifespan="off", ws="none", interface="asgi3", http="h11", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=75, timeout_graceful_shutdown=2,
        limit_concurrency=500, h11_max_incomplete_event_size=64_000,
        ssl_certfile=place.certificate, ssl_keyfile=place.key,
    )  # fmt: skip
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        raise UsageError(f"this certificate or its key cannot be used: {error}", where=str(place.certificate)) from None
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return uvicorn.Server(config)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _any(host: str) -> bool:
    return host in {"0.0.0.0", "::", ""}  # noqa: S104 - recognised, never chosen


def _bare(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _with_port(host: str, port: int) -> str:
    return f"{_bare(host)}:{port}"
