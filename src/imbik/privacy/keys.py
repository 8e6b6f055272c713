"""Keys of teachers: read by name from the environment or the keyring at the moment of sending, never kept in a file.

Enters: the name of a key and the endpoint it would be shown to. Leaves: the key, or an error that says what to type.
A recipe chooses names and endpoints, so a copied recipe must not be able to send any secret of the environment
anywhere: names that begin with IMBIK_ are made for this; a provider's own key goes to that provider; any other goes
only where the operator's file lists the endpoint with that name. No key goes over plain http to another machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

from imbik.core.errors import UsageError
from imbik.core.plugins import presets
from imbik.core.secrets import KEY_NAMES, is_key_name
from imbik.privacy.addresses import Address, Endpoint
from imbik.privacy.addresses import endpoint as endpoint_of
from imbik.privacy.operator import Operator

HUB_TOKEN = "IMBIK_HF_TOKEN"  # noqa: S105 - its name
"""What `imbik push` shows to a hub. Any recipe may name a key that begins with IMBIK_, but not this one."""
_OWN = "IMBIK_"
_FORMATS: Mapping[str, tuple[str, ...]] = {
    "OPENAI_API_KEY": ("api.openai.com",),
    "ANTHROPIC_API_KEY": ("api.anthropic.com",),
    "AZURE_OPENAI_API_KEY": (".openai.azure.com",),
}


@cache
def homes() -> Mapping[str, tuple[str, ...]]:
    """Key name -> the hosts of the provider whose key it is (`.name`: all hosts below it).

    Those of the wire formats, and those of the teachers' presets, which ship with imbik: no recipe adds to them.
    """
    found = {**_FORMATS}
    for preset in presets("teachers").values():
        if name := preset.settings.get("key"):
            address = preset.settings.get("base_url")
            found[name] = preset.hosts or ((endpoint_of(address).host,) if address else ())
    return found


def is_set(name: str) -> bool:
    """Whether there is a key of this name in the environment or the keyring; its value goes nowhere."""
    return bool(_value(name))


def find_key(name: str, endpoint: Endpoint, address: Address, operator: Operator, *, push: bool = False) -> str:
    """The key called `name`, for showing to this endpoint; `push`: a person is handing weights to the hub there.

    Raises: UsageError when the name is not one that is read, the key is missing, or it may not go there.
    """
    if not is_key_name(name):
        raise UsageError(
            f"what stands under `key:` is not read as a key: {KEY_NAMES} (it is not repeated, it may be the key)",
            next="export the key under such a name and write that name under `key:`",
        )
    if name == HUB_TOKEN and not push:
        raise UsageError(
            f"{name} may write to your hub, so `imbik push` alone shows it, and to nobody else",
            next="export the teacher's key under another name that begins with IMBIK_",
        )
    local, listed = operator.local_for(endpoint, address), operator.external_for(endpoint)
    named = any(name in line.keys for line in (local, listed) if line is not None)
    if not (name.startswith(_OWN) or named or _at_home(name, endpoint)):
        raise _not_there(name, endpoint)
    if endpoint.scheme != "https" and local is None and not address.is_loopback:
        raise UsageError(
            f"{name} would travel to {endpoint} unencrypted",
            next="use https, or let the operator's file list the endpoint under `local:`",
        )
    return _read(name)


def _at_home(name: str, endpoint: Endpoint) -> bool:
    """Whether the endpoint is the provider's whose key this is."""
    return any(
        endpoint.host.endswith(host) if host.startswith(".") else endpoint.host == host
        for host in homes().get(name, ())
    )


def _not_there(name: str, endpoint: Endpoint) -> UsageError:
    """A recipe alone cannot send this key there."""
    home = homes().get(name)
    what = (
        f"{name} belongs to {' and '.join(home)} and"
        if home
        else f"{name} is a key of somebody imbik does not know, which"
    )
    return UsageError(
        f"{what} is not sent to {endpoint} on a recipe's word",
        next=f"export IMBIK_{name}=… with the key for this endpoint and write key: IMBIK_{name}, or let the operator's "
        f"file list the endpoint with keys: [{name}]",
    )


def _read(name: str) -> str:
    key = _value(name)
    if not key:
        raise UsageError(
            f"the key {name} is not set", next=f"export {name}=…   or keep it with: keyring set imbik {name}"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"the key {name} holds characters that no key has", next="copy it again")
    return key


def _value(name: str) -> str:
    """What the environment holds, else the keyring; '' where neither does."""
    return os.environ.get(name, "").strip() or _from_keyring(name)


def _from_keyring(name: str) -> str:
    """The key from the desktop's keyring; a machine without one simply has none."""
    import keyring
    from keyring.errors import KeyringError

    try:
        return (keyring.get_password("imbik", name) or "").strip()
    except (KeyringError, RuntimeError):
        return ""
