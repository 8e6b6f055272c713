"""What is a secret: names that hold one, the shapes well-known keys have, and how a text is shown without them.

Enters: the name of a setting, a value, a text. Leaves: whether it is a secret, or the text with `…` in its place. The
recipe is refused by it before anything is written, and every error passes `masked`, so that no key ends in a run
folder, a log or a message. A key of no known shape is known only by the name that holds it.
"""

from __future__ import annotations

import re

KEY_NAMES = "names end in _API_KEY or begin with IMBIK_ (not IMBIK_TEXT_), in capital letters"
TEXT = "IMBIK_TEXT_"
"""Begins the names whose values a recipe may put where words leave this machine; no key is ever read under one."""

_KEY_NAME = re.compile(r"([A-Z][A-Z0-9_]*_API_KEY|IMBIK_(?!TEXT_)[A-Z0-9_]+)")
# `token` alone or said whose: eos_token, max_tokens and prompt_cache_key are no secrets.
_SECRET_NAME = re.compile(
    r"(^|_)((api|access|secret|private|account|subscription|master|auth)_?key(_id)?|secrets?|password|passwd|passphrase"
    r"|pwd|auth|authorization|bearer|cookie|credentials?"
    r"|(^|access|api|auth|bearer|github|hf|id|personal|refresh|security|service|session)_?token)$"
)
_SHAPE = re.compile(
    r"""(?<![A-Za-z0-9])(
      sk-(ant|proj|or|svcacct|admin)-[A-Za-z0-9_-]{12,} | sk-(?=[A-Za-z_]*[0-9])[A-Za-z0-9_]{16,}
    | (gsk|hf|r8)_[A-Za-z0-9]{16,} | (xai|pplx|nvapi)-[A-Za-z0-9_-]{20,} | [rs]k_(live|test)_[A-Za-z0-9]{8,}
    | (AKIA|ASIA)[0-9A-Z]{12,} | AIza[A-Za-z0-9_-]{30,}
    | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_\w{20,} | glpat-[A-Za-z0-9_-]{16,} | xox[a-z]-[A-Za-z0-9-]{8,}
    | eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
    )""",
    re.VERBOSE,
)
_HEADER = re.compile(r"(?i)\s*(bearer\s+\S{8,}|(token|basic|apikey)\s+(?=\S*[0-9=])\S{8,}\s*$)")
_BEARER = re.compile(r"(?i)\b(bearer\s+)(?=\S*[0-9])[A-Za-z0-9._~+/-]{12,}=*")
_URL_USER = re.compile(r"(://)[^/\s:@]*:[^/\s@]+@")
_URL_FIELD = re.compile(r"[?&]([\w.-]+)=[^&#\s]+")
_URL_SECRETS = {"key", "sig", "signature", "token"}


def is_key_name(text: object) -> bool:
    """Whether this can be the name of a key, and so is not the key itself."""
    return isinstance(text, str) and _KEY_NAME.fullmatch(text) is not None and not text.startswith(TEXT)


def is_secret_name(name: str) -> bool:
    """Whether what stands under this name is a secret: `api-key`, `API_KEY`, `apiKey`, `Authorization`, `password`."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return _SECRET_NAME.search(re.sub(r"[^A-Za-z0-9]+", "_", parts).strip("_").lower()) is not None


def holds_secret(text: str) -> bool:
    """Whether a value is, or has in it, a key of a known shape, a header's or a URL's."""
    if _SHAPE.search(text) or _HEADER.match(text):
        return True
    if "://" not in text:
        return False
    names = _URL_FIELD.findall(text)
    return bool(_URL_USER.search(text)) or any(is_secret_name(name) or name in _URL_SECRETS for name in names)


def masked(text: str) -> str:
    """The text with `…` where a key of a known shape stood."""
    text = _BEARER.sub(r"\1…", _URL_USER.sub(r"\1…@", text))
    return _SHAPE.sub(lambda found: f"{found[0][:3]}…", text)
