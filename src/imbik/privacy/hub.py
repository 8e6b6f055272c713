"""The hub's door: the one client that hands weights to a model hub; the gate decides before each connection.

Enters: the gate, the sensitivity of what is handed over, requests of the hub's own library. Leaves: replies, or a
refusal. The library's client follows redirects, reads proxies from the environment and uploads through native code;
here none of that happens: every host it wants (the hub, and the storage that the hub names) is resolved, pinned and put
before the gate, and the hub's token goes to the hub alone.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx2
import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError

from imbik.core.errors import BlockedError, ImbikError, TeacherUnreachableError
from imbik.core.types import Sensitivity
from imbik.privacy.addresses import Endpoint, endpoint, normal
from imbik.privacy.decisions import Decision, Place
from imbik.privacy.gate import Gate

PURPOSE = "push"


Ask = Callable[[Endpoint], tuple[Place, Decision]]
"""The address of an endpoint that everything may go to, else a refusal; asked of every host that the hub wants."""


def decide(gate: Gate, target: Endpoint, sensitivity: Sensitivity, row: str) -> tuple[Place, Decision]:
    """The first address of an endpoint that the gate allows, else its refusal; each with one audit line.

    Raises: TeacherUnreachableError when the name has no address.
    """
    places = places_of(target)
    allowed = [place for place in places if gate.foresee(sensitivity, place).allowed]
    place = (allowed or places)[0]
    return place, gate.decide(sensitivity, place, rows=(row,), purpose=PURPOSE)


def places_of(target: Endpoint) -> list[Place]:
    """An endpoint at each of its addresses.

    Raises: TeacherUnreachableError when the name has none.
    """
    return [Place("endpoint", target, address) for address in _addresses(target)]


def _addresses(target: Endpoint) -> list[Any]:
    if target.literal is not None:
        return [target.literal]
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError:
        raise TeacherUnreachableError(f"the name {target.host} has no address", where=str(target)) from None
    return list(dict.fromkeys(normal(str(item[4][0])) for item in found))


class _GatedTransport(httpx2.BaseTransport):
    """Sends to addresses that the gate allowed, and to nothing else."""

    def __init__(self, ask: Ask, home: Endpoint) -> None:
        self._ask, self._home = ask, home
        self._inner = httpx2.HTTPTransport(trust_env=False)
        self._places: dict[Endpoint, Place] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request, to the pinned address of its host.

        Raises: BlockedError where the gate refuses.
        """
        target = endpoint(str(request.url.copy_with(userinfo=b"", path="/", query=None, fragment=None)))
        place = self._place(target)
        if target != self._home:
            request.headers.pop("Authorization", None)
        request.headers["Host"] = request.url.netloc.decode()
        request.extensions = {**request.extensions, "sni_hostname": target.host}
        request.url = request.url.copy_with(host=str(place.address))
        response = self._inner.handle_request(request)
        if 300 <= response.status_code < 400:
            where = response.headers.get("Location", "elsewhere")
            response.close()
            raise httpx2.TooManyRedirects(f"it redirects to {where:.200}, which is not followed", request=request)
        return response

    def close(self) -> None:
        """Close its connections."""
        self._inner.close()

    def _place(self, target: Endpoint) -> Place:
        if target not in self._places:
            place, decision = self._ask(target)
            if not decision.allowed:
                raise BlockedError(decision.reason, where=str(target), next=_how_to_open(target, self._home))
            self._places[target] = place
        return self._places[target]


def upload(
    home: Endpoint,
    folder: Path,
    repo: str,
    *,
    ask: Ask,
    token: str,
    private: bool,
    message: str,
    kind: Literal["model", "dataset"] = "model",
) -> None:
    """Hand a folder to a repository of the hub, made when it is not there.

    Raises: BlockedError for a host that the gate refuses, TeacherUnreachableError when the hub does.
    """
    transport = _GatedTransport(ask, home)
    try:
        with _library_through(transport):
            api = huggingface_hub.HfApi(endpoint=str(home), token=token or False)
            api.create_repo(repo, repo_type=kind, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo, repo_type=kind, folder_path=folder, commit_message=message)
    except (HfHubHTTPError, httpx2.HTTPError, RuntimeError) as error:
        if isinstance(error.__cause__, ImbikError):  # the library wraps what stops an upload
            raise error.__cause__ from None
        reason = str(error.__cause__ or error).replace(token, "…").splitlines()[0][:300]
        raise TeacherUnreachableError(
            f"the hub refuses or cannot be reached ({reason})",
            where=f"{home}/{repo}",
            next="check the repository's name and what the token may do, then type the same command again",
        ) from None


@contextmanager
def _library_through(transport: _GatedTransport) -> Iterator[None]:
    """The hub's library has no other client than this while the block lasts."""
    plain = (constants.HF_HUB_DISABLE_XET, constants.HF_HUB_DISABLE_TELEMETRY)
    constants.HF_HUB_DISABLE_XET = constants.HF_HUB_DISABLE_TELEMETRY = True  # native code opens its own connections
    huggingface_hub.set_client_factory(
        lambda: httpx2.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=120.0)
    )
    try:
        yield
    finally:
        huggingface_hub.set_client_factory(_its_own)
        constants.HF_HUB_DISABLE_XET, constants.HF_HUB_DISABLE_TELEMETRY = plain
        transport.close()


def _its_own() -> httpx2.Client:
    """After a push the library has its own client again, for loading models by name."""
    from huggingface_hub.utils._http import default_client_factory

    return default_client_factory()


def _how_to_open(target: Endpoint, home: Endpoint) -> str:
    told = "" if target == home else " (the hub stores files there)"
    return (
        f"the operator's file may list {target.host}{told} under `external:` with the contract and what it `accepts:`"
    )
