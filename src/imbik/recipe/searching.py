"""The recipe's section on search, and the ranges that may stand where a number or a choice stands.

Enters: plain data from YAML. Leaves: frozen pydantic models, and every range of a recipe by its dotted key. A range is
written in place (`learning_rate: {low: 1e-5, high: 1e-3, log: true}`, `r: {low: 4, high: 64, int: true}`,
`temperature: {choice: [1, 2, 4]}`), under `search.parameters`, or in a file of its own; all three mean the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from imbik.recipe.blocks import Section, unmarked

Value = bool | int | float | str | list[Any] | dict[str, Any] | None
_BOUNDS, _CHOICES = {"low", "high"}, ("choice", "values")
_BESIDE = {"type", "log", "int", "step", "points", "default"}
_SIZES = {
    "latency_ms": "minimize",
    "latency_p95_ms": "minimize",
    "time_to_first_token_ms": "minimize",
    "tokens_per_second": "maximize",
    "parameters": "minimize",
    "weights_bytes": "minimize",
    "cache_bytes": "minimize",
    "process_bytes": "minimize",
    "disk_bytes": "minimize",
    "cost_per_1000": "minimize",
    "validation_loss": "minimize",
}


def _short_forms(schema: dict[str, Any]) -> None:
    """What `_plainly` reads, for editors that check a recipe by its schema."""
    schema["properties"]["choice"] = {"type": "array", "description": "short for type: choice and these values"}
    schema["properties"]["int"] = {"type": "boolean", "description": "short for type: int"}


class Domain(Section):
    """What one key may be: numbers between two bounds, or one of several values."""

    model_config = ConfigDict(json_schema_extra=_short_forms)

    type: Literal["", "float", "int", "choice"] = Field(
        "", description="float, int or choice (default: by what stands)"
    )
    low: float | None = Field(None, description="smallest number")
    high: float | None = Field(None, description="largest number")
    log: bool = Field(False, description="numbers are drawn evenly by their logarithm")
    step: float | None = Field(None, gt=0, description="numbers are low, low + step, low + 2 step …")
    points: int = Field(5, ge=2, description="numbers that a grid takes of a range without step")
    values: list[Value] = Field([], description="the values of a choice")
    default: Value = Field(
        None, description="what the key is outside of a search (default: the middle, or first value)"
    )

    @model_validator(mode="before")
    @classmethod
    def _plainly(cls, given: Any) -> Any:
        """`int: true` and `choice: [...]` are short for type and values."""
        if not isinstance(given, dict):
            return given
        given = unmarked(given)
        if "choice" in given:
            given |= {"values": given.pop("choice"), "type": "choice"}
        if given.pop("int", False):
            given["type"] = "int"
        return given

    @model_validator(mode="after")
    def _whole(self) -> Domain:
        if self.kind == "choice":
            if not self.values or self.low is not None or self.high is not None:
                raise ValueError("a choice is {choice: [one, other]}, without low and high")
            return self
        if self.low is None or self.high is None or not self.low < self.high:
            raise ValueError("a range is {low: 1e-5, high: 1e-3}, the lower number first")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("a logarithmic range begins above 0 and has no step")
        if self.kind == "int" and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("the bounds of whole numbers are whole numbers")
        return self

    @property
    def kind(self) -> str:
        """float, int or choice."""
        return self.type or ("choice" if self.values else "float")

    @property
    def middle(self) -> Value:
        """What the key is where nothing is searched: `default`, the first value, or the middle of the range."""
        if self.default is not None or self.kind == "choice":
            return self.default if self.default is not None else self.values[0]
        assert self.low is not None
        assert self.high is not None
        found = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        if self.step is not None:
            found = self.low + self.step * round((found - self.low) / self.step)
        return round(found) if self.kind == "int" else found

    def told(self) -> str:
        """The domain in a few words."""
        if self.kind == "choice":
            return "one of " + ", ".join(str(value) for value in self.values)
        by = f" in steps of {self.step:g}" if self.step else ", by its logarithm" if self.log else ""
        return f"{self.low:g} to {self.high:g}{by}"

    def grid(self) -> list[Value]:
        """The values that a grid takes: all choices, all whole numbers up to 20, steps, or `points` numbers."""
        if self.kind == "choice":
            return list(self.values)
        assert self.low is not None
        assert self.high is not None
        step = self.step or (1.0 if self.kind == "int" and self.high - self.low < 20 and not self.log else None)
        if step is not None:
            made = [self.low + step * number for number in range(int((self.high - self.low) / step + 1e-9) + 1)]
        elif self.log:
            ratio = (self.high / self.low) ** (1 / (self.points - 1))
            made = [self.low * ratio**number for number in range(self.points)]
        else:
            width = (self.high - self.low) / (self.points - 1)
            made = [self.low + width * number for number in range(self.points)]
        whole = sorted({round(number) for number in made})
        return list(whole) if self.kind == "int" else list(made)


class Objective(Section):
    """One thing that is wanted of a student: a metric, or what it costs to run."""

    metric: str = Field("", description="a metric of the report, retention, or one of: " + ", ".join(_SIZES))
    of: str = Field("student", description="the system, such as student or export:safetensors-bfloat16")
    direction: Literal["", "maximize", "minimize"] = Field("", description="default: metrics up, sizes and times down")

    @property
    def way(self) -> str:
        """maximize or minimize."""
        return self.direction or _SIZES.get(self.metric, "maximize")

    def __str__(self) -> str:
        return (self.metric or "quality") + ("" if self.of == "student" else f" of {self.of}")


def _objective(value: Any) -> Any:
    """`accuracy of export:safetensors-bfloat16` as an objective."""
    if not isinstance(value, str):
        return value
    metric, _, system = value.partition(" of ")
    return {"metric": metric.strip(), "of": system.strip() or "student"}


class Search(Section):
    """Many runs of one recipe with values varied; `imbik search` does it."""

    num_trials: int = Field(20, ge=1, description="trials in all (a grid ends when it is through)")
    sampler: Literal["tpe", "random", "grid"] = Field("tpe", description="how the next values are chosen")
    objectives: list[Annotated[Objective, BeforeValidator(_objective, json_schema_input_type=str | Objective)]] = Field(
        [Objective()],
        min_length=1,
        description="what is wanted, such as [accuracy, disk_bytes]",
    )
    prune: bool = Field(True, description="end trials whose validation loss is worse than the median at that step")
    workers: int = Field(1, ge=1, description="trials at a time, a process each")
    seed: int = Field(0, description="what is drawn follows from this number and the trial's")
    confirm: int = Field(1, ge=0, description="best trials that are measured on the test set too, at the end")
    parameters: dict[str, Domain] = Field({}, description="ranges by dotted key, such as train.learning_rate")


def is_range(value: Any) -> bool:
    """Whether a mapping stands for a range rather than for a section or a plug-in."""
    if not isinstance(value, dict):
        return False
    keys = set(value)
    choice = next((name for name in _CHOICES if name in keys), "")
    if choice:
        return keys <= {choice, "type", "default"} and (choice == "choice" or value.get("type") == "choice")
    return _BOUNDS <= keys <= _BOUNDS | _BESIDE


def ranges(data: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every range that is written in place, by its path; items of lists are numbered, as in `--set`."""
    if path[:1] == ("search",):
        return
    if is_range(data):
        yield path, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from ranges(value, (*path, str(key)))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from ranges(value, (*path, str(number)))
