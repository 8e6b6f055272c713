"""What all sections of a recipe are made of: the base class, plug-in blocks, and numbers as people write them.

Enters: plain data from YAML. Leaves: types that pydantic checks; a plug-in's block stays `{use, raw, where}` until
preflight types it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from imbik.core.money import parse_share, parse_usd
from imbik.core.plugins import PluginBlock

WHERE = "__where__"


class Section(BaseModel):
    """Base of all sections: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MisplacedError(ValueError):
    """What a recipe says at `path` does not go with what it says elsewhere; loading names the line of the path."""

    def __init__(self, said: str, path: tuple[str, ...]) -> None:
        super().__init__(said)
        self.path = path


def as_block(value: Any) -> Any:
    """`name`, `{use: name, key: …}` or a block already made, as a PluginBlock."""
    if isinstance(value, str):
        return PluginBlock(use=value)
    if isinstance(value, dict):
        if set(value) == {"use", "raw", "where"}:
            return PluginBlock(**value)
        raw = {key: item for key, item in value.items() if key not in {"use", WHERE}}
        if not isinstance(value.get("use"), str):
            raise ValueError("a plug-in is written as {use: NAME, …}; 'use' is missing")
        return PluginBlock(use=value["use"], raw=unmarked(raw), where=str(value.get(WHERE, "")))
    return value


def unmarked(value: Any) -> Any:
    """Nested settings without the marks of their places."""
    if isinstance(value, dict):
        return {key: unmarked(item) for key, item in value.items() if key != WHERE}
    return [unmarked(item) for item in value] if isinstance(value, list) else value


def _as_part(value: Any) -> Any:
    """`20%` as a number; what else stands there is told by the number's own rules."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip().removesuffix("%")) / 100
        except ValueError:
            raise ValueError(f"'{value}' is no share; write 20% or 0.2") from None
    return value


Block = Annotated[PluginBlock, BeforeValidator(as_block)]


def _as_source(value: Any) -> Any:
    """A path or hub id is written plainly; its plug-in is found by tasks from what the path is."""
    return PluginBlock(use="auto", raw={"path": value}) if isinstance(value, str) else as_block(value)


SourceBlock = Annotated[PluginBlock, BeforeValidator(_as_source)]
Share = Annotated[float, Field(ge=0, lt=1)]
Part = Annotated[
    float,
    Field(ge=0, le=1),
    BeforeValidator(_as_part),
    WithJsonSchema({"type": ["number", "string"], "examples": ["20%", 0.2]}),
]
Usd = Annotated[
    Decimal,
    BeforeValidator(parse_usd),
    PlainSerializer(lambda amount: f"{amount} USD", return_type=str),
    WithJsonSchema({"type": ["number", "string"], "examples": [50, "50 USD"]}),
]
ExactShare = Annotated[
    Decimal,
    BeforeValidator(parse_share),
    PlainSerializer(lambda share: str(share), return_type=str),
    WithJsonSchema({"type": ["number", "string"], "examples": ["15%", 0.15]}),
]
