"""Keys of teachers: read by name from the environment or the keyring at the moment of sending, never kept in a file.

Enters: the name of a key and the endpoint it would be shown to. Leaves: the key, or an error that says what to type.
A recipe chooses names and endpoints, so a copied recipe must not be able to send any secret of the environment
anywhere: only names made for this are read, a provider's own key goes to that provider (or where the operator lists),
and no key goes over plain http to another machine.
"""

from __future__ import annotations

import os
import re

from imbik.core.errors import UsageError
from imbik.privacy.addresses import Address, Endpoint
from imbik.privacy.operator import Operator

_NAME = re.compile(r"^([A-Z][A-Z0-9_]*_API_KEY|IMBIK_[A-Z0-9_]+)$")
_HOMES = {
    "OPENAI_API_KEY": "api.openai.com",
    "ANTHROPIC_API_KEY": "api.anthropic.com",
    "DEEPSEEK_API_KEY": "api.deepseek.com",
    "MISTRAL_API_KEY": "api.mistral.ai",
    "OPENROUTER_API_KEY": "openrouter.ai",
    "GROQ_API_KEY": "api.groq.com",
    "TOGETHER_API_KEY": "api.together.xyz",
}


def find_key(name: str, endpoint: Endpoint, address: Address, operator: Operator) -> str:
    """The key called `name`, for showing to this endpoint.

    Raises: UsageError when the name is not one that is read, the key is missing, or it may not go there.
    """
    local = operator.local_for(endpoint, address) is not None
    if not _NAME.match(name):
        raise UsageError(
            f"'{name}' is not read as a key: names end in _API_KEY or begin with IMBIK_",
            next="export the key under such a name and write that name under `key:`",
        )
    home = _HOMES.get(name, endpoint.host)
    if home != endpoint.host and not local and operator.external_for(endpoint) is None:
        raise UsageError(
            f"{name} belongs to {home} and is not sent to {endpoint}",
            next="give this endpoint a key of its own name, or let the operator's file list it",
        )
    if endpoint.scheme != "https" and not local and not address.is_loopback:
        raise UsageError(
            f"{name} would travel to {endpoint} unencrypted",
            next="use https, or let the operator's file list the endpoint under `local:`",
        )
    return _read(name)


def _read(name: str) -> str:
    key = os.environ.get(name, "").strip() or _from_keyring(name)
    if not key:
        raise UsageError(
            f"the key {name} is not set", next=f"export {name}=…   or keep it with: keyring set imbik {name}"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"the key {name} holds characters that no key has", next="copy it again")
    return key


def _from_keyring(name: str) -> str:
    """The key from the desktop's keyring; a machine without one simply has none."""
    import keyring
    from keyring.errors import KeyringError

    try:
        return (keyring.get_password("imbik", name) or "").strip()
    except (KeyringError, RuntimeError):
        return ""
