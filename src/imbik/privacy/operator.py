"""The operator's file: what the person who answers for the data allows, and nothing else may widen it.

Enters: YAML from exactly one place (never a merge): `/etc/imbik/operator.yaml`, else the file named by
`IMBIK_OPERATOR`, else a trusted `operator.yaml` beside the recipe, else the one in the user's configuration folder.
Leaves: a frozen Operator that the gate asks. Without any file, only public rows may leave. For example:

    local:
      - {host: 10.0.0.0/24, port: 8000, attestation: "our own GPU room, KVKK inventory no 12"}
      - {host: llm.sirket.lan, addresses: [10.0.1.7], ports: [443], attestation: "same"}
    external:
      - {host: api.example.com, contract: "standard contract notified on 2026-01-05", country: IE, accepts: internal,
         accepts_cleaned: confidential, keys: [EXAMPLE_API_KEY]}
    controller: "Örnek A.Ş., VERBİS 1234567"
    declassifiers: ["ayse ed25519:…", "mehmet ed25519:…"]
    reviewers: {ayse: confidential, mehmet: internal}
    retention: {confidential: 365, special: 90}
    anchors: [ed25519:…]
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from imbik.core.errors import OperatorFileError, UsageError
from imbik.core.misspelt import closest, explain_validation
from imbik.core.plugins import KeyName
from imbik.core.strict_yaml import YamlError, read_yaml
from imbik.core.types import Sensitivity
from imbik.privacy.addresses import Address, Endpoint, Network, endpoint, network
from imbik.privacy.trust import config_folder, fingerprint, origin, pinned

SYSTEM_FILE = Path("/etc/imbik/operator.yaml")
FILE_NAME = "operator.yaml"
_WORDS = r"\S"
_NARROWEST = {4: 8, 6: 7}  # 10.0.0.0/8 and fc00::/7 are the largest networks that somebody has to himself
_LOOPBACK = ("127.0.0.0/8", "::1/128")
_NOT_WRITTEN = {"path", "hash", "ignored"}  # fields that say which file it was; an operator writes all others
_KEYS = "names of keys that may be shown there, beside the provider's own and those that begin with IMBIK_"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _one_port(cls, value: Any) -> Any:
        """`port: 8000` is `ports: [8000]`."""
        if isinstance(value, dict) and "port" in value and "ports" not in value:
            return {**{key: item for key, item in value.items() if key != "port"}, "ports": [value["port"]]}
        return value


class LocalEndpoint(_Part):
    """An endpoint the operator vouches for: rows of any sensitivity stay in the operator's hands there."""

    host: str = Field(description="address, network (CIDR) or host name")
    ports: tuple[int, ...] = Field(min_length=1, description="the ports served")
    attestation: str = Field(pattern=_WORDS, description="why this counts as local, in the operator's words")
    addresses: tuple[str, ...] = Field((), description="addresses that a host name may have")
    keys: tuple[KeyName, ...] = Field((), description=_KEYS)

    @model_validator(mode="after")
    def _comparable(self) -> LocalEndpoint:
        """A name alone could be made to point anywhere, so the address it may have is part of the rule; and what holds
        half of all addresses is nobody's own network."""
        if not self.networks:
            raise ValueError(f"'{self.host}' is a name: say which addresses it may have (addresses: [10.0.0.5])")
        if any(network(item) is None for item in self.addresses):
            raise ValueError("addresses are IP addresses or networks (10.0.0.5, 10.0.0.0/24)")
        if wide := [str(area) for area in self.networks if area.prefixlen < _NARROWEST[area.version]]:
            raise ValueError(f"{wide[0]} is far more than anybody's own network: name the machines")
        return self

    @property
    def networks(self) -> tuple[Network, ...]:
        """Where a connection must really end."""
        own = network(self.host)
        texts = self.addresses or (_LOOPBACK if self.host.lower() == "localhost" else ())
        found = [own] if own is not None else [network(text) for text in texts]
        return tuple(item for item in found if item is not None)

    def covers(self, endpoint: Endpoint, address: Address) -> bool:
        """Whether a connection to `address` for this endpoint is the one the operator meant."""
        named = network(self.host) is not None or self.host.lower() == endpoint.host
        return named and endpoint.port in self.ports and any(address in item for item in self.networks)


class ExternalEndpoint(_Part):
    """An endpoint of somebody else, the contract that covers it, and the highest sensitivity it may be sent."""

    host: str = Field(min_length=1, description="host name as in the URL")
    ports: tuple[int, ...] = Field((443,), min_length=1, description="the ports allowed")
    contract: str = Field(pattern=_WORDS, description="what makes the transfer lawful (KVKK art. 9)")
    country: str = Field("", pattern=r"^([A-Z]{2})?$", description="where it is (ISO 3166-1, such as IE)")
    region: str = Field("", description="the provider's name for the place, such as swedencentral")
    accepts: Sensitivity = Field(Sensitivity.PUBLIC, description="highest sensitivity of rows as they are")
    accepts_cleaned: Sensitivity = Field(
        Sensitivity.PUBLIC, description="the same for pseudonymised or redacted rows, where higher than `accepts`"
    )
    keys: tuple[KeyName, ...] = Field((), description=_KEYS)

    @model_validator(mode="after")
    def _comparable(self) -> ExternalEndpoint:
        """A host that no endpoint is ever called would seem to allow something."""
        bare = self.host.lower().strip("[]")
        try:
            plain = endpoint(f"https://[{bare}]" if ":" in bare else f"https://{bare}").host == bare
        except UsageError:
            plain = False
        if not plain:
            raise ValueError(f"'{self.host}' is no host as in a URL: no https://, no * and no path")
        return self

    @model_validator(mode="after")
    def _never_special(self) -> ExternalEndpoint:
        if Sensitivity.SPECIAL in {self.accepts, self.accepts_cleaned}:
            raise ValueError("special rows (KVKK art. 6) never leave, cleaned or not: accept confidential at most")
        return self

    def covers(self, endpoint: Endpoint) -> bool:
        """Whether this line speaks of the endpoint."""
        return self.host.lower().strip("[]") == endpoint.host and endpoint.port in self.ports


class Detectors(_Part):
    """Which detectors of personal data look at rows: all that ship with imbik, unless the operator says otherwise."""

    add: tuple[str, ...] = Field((), description="further detector plug-ins, such as presidio")
    leave_out: tuple[str, ...] = Field((), description="detectors that do not raise a row's sensitivity here")


class Retention(_Part):
    """After how many days rows of a level are destroyed (`imbik privacy retain`); unset levels are kept."""

    internal: int | None = Field(None, ge=1, description="days")
    confidential: int | None = Field(None, ge=1, description="days")
    special: int | None = Field(None, ge=1, description="days")


class Operator(_Part):
    """One operator's file. `path` and `hash` say which; both are empty when there is none."""

    local: tuple[LocalEndpoint, ...] = ()
    external: tuple[ExternalEndpoint, ...] = ()
    unlisted: Literal["public", "nothing"] = "public"
    controller: str = Field("", description="who answers for the data (veri sorumlusu), for the certificate")
    declassifiers: tuple[str, ...] = Field((), description="people of whom two together may lower a row's sensitivity")
    detectors: Detectors = Field(default_factory=Detectors, description="which detectors look at rows")
    reviewers: dict[str, Sensitivity] = Field(
        {}, description="people who review rows, with the highest sensitivity that each may see (others: public)"
    )
    retention: Retention = Field(default_factory=Retention, description="after how many days rows are destroyed")
    anchors: tuple[str, ...] = Field((), description="public keys (ed25519:BASE64) that may sign the audit's head")
    path: Path | None = None
    hash: str = ""
    ignored: str = Field("", description="an operator's file that lies beside the recipe and was not trusted")

    @model_validator(mode="after")
    def _one_line_each(self) -> Operator:
        """Of two lines for one endpoint the first would hold, and the stricter one might be the other."""
        spots = [(line.host.lower(), port) for line in self.external for port in line.ports]
        if twice := [spot for spot in spots if spots.count(spot) > 1]:
            raise ValueError(f"two lines under `external:` speak of {twice[0][0]}:{twice[0][1]}; keep one of the two")
        return self

    def local_for(self, endpoint: Endpoint, address: Address) -> LocalEndpoint | None:
        """The line that makes this connection local."""
        return next((item for item in self.local if item.covers(endpoint, address)), None)

    def external_for(self, endpoint: Endpoint) -> ExternalEndpoint | None:
        """The line that speaks of this external endpoint."""
        return next((item for item in self.external if item.covers(endpoint)), None)


def load_operator(recipe_folder: Path) -> Operator:
    """The one operator's file that holds for a recipe in this folder, or an empty Operator when there is none.

    For a run folder it is that of the folder which its recipe lay in.
    Raises: OperatorFileError when the file that holds cannot be used, or lies beside the recipe and is not trusted.
    """
    if os.path.lexists(SYSTEM_FILE):
        return read_operator(SYSTEM_FILE)
    home = origin(recipe_folder) or recipe_folder
    near = (recipe_folder, home)
    if named := os.environ.get("IMBIK_OPERATOR"):
        return _checked(Path(named).expanduser(), near, named="IMBIK_OPERATOR")
    beside = home / FILE_NAME
    ignored = ""
    if os.path.lexists(beside):
        if pinned(beside):
            return _checked(beside, near, named="")
        ignored = str(beside)
    own = config_folder() / FILE_NAME
    if os.path.lexists(own) and str(own) != ignored:
        return _checked(own, near, named="").model_copy(update={"ignored": ignored})
    return Operator(ignored=ignored)


def read_operator(path: Path) -> Operator:
    """Read and check one operator's file. What is hashed is exactly what is parsed.

    Raises: OperatorFileError with file, key and what to do.
    """
    try:
        data = path.read_bytes()
        writable = path.stat().st_mode & 0o002
    except OSError as error:
        raise OperatorFileError(
            f"the operator's file cannot be read: {error.strerror}", where=str(path), next="mend it: no other is used"
        ) from None
    if writable:
        raise OperatorFileError(
            "anyone on this machine may change this operator's file", where=str(path), next=f"chmod o-w {path}"
        )
    try:
        content, _ = read_yaml(data)
    except YamlError as error:
        where = f"{path}:{error.line}" if error.line else str(path)
        raise OperatorFileError(error.what, where=where, next=error.advice) from None
    return _typed({} if content is None else content, path, fingerprint(data))


def _typed(content: Any, path: Path, sha: str) -> Operator:
    """The file's content as an Operator; a key that nothing here reads is refused: it would seem to act."""
    if not isinstance(content, dict):
        raise OperatorFileError("an operator's file is a mapping (local, external, …)", where=str(path))
    known = [key for key in Operator.model_fields if key not in _NOT_WRITTEN]
    if unknown := [str(key) for key in content if key not in known]:
        raise OperatorFileError(f"unknown key '{unknown[0]}'; {closest(unknown[0], known)}", where=str(path))
    try:
        return Operator.model_validate({**content, "path": path, "hash": sha})
    except ValidationError as error:
        raise OperatorFileError(explain_validation(error, Operator), where=str(path)) from None


def _checked(path: Path, near: tuple[Path, ...], *, named: str) -> Operator:
    """The file, unless it lies beside the recipe and is not the one that was trusted."""
    operator = read_operator(path)
    if not any(_beside(path, folder) for folder in near):
        return operator
    pin = pinned(path) or (pinned(path.resolve()) if named else "")  # who names a link means what it points to
    if pin == operator.hash:
        return operator
    what = "changed since it was trusted" if pin else "was not trusted"
    how = f" (named by {named})" if named else ""
    raise OperatorFileError(
        f"this operator's file lies beside the recipe{how} and {what}, so it grants nothing",
        where=str(path),
        next=f"read it, and if it is yours: imbik privacy trust {path}",
    )


def _beside(path: Path, recipe_folder: Path) -> bool:
    """Whether a file lies in the recipe's folder, as written or after following links."""
    return recipe_folder.resolve() in {path.resolve().parent, path.absolute().parent.resolve()}
