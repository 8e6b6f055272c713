"""The recipe's sections on asking: how answers are obtained, what they may cost, how rows are cleaned for it.

Enters: plain data from YAML. Leaves: frozen pydantic models; the description of a field is what `imbik explain KEY` and
editors show.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from imbik.recipe.blocks import ExactShare, Section, Usd


class Budget(Section):
    """What a run may spend on teachers and judges: growth, answers, retries, judges and evaluation together.

    It is no part of what shapes a stage: raising it redoes nothing.
    """

    total: Usd = Field(description="most that all questions of this run may cost, as in 50 or '50 USD'")
    reserve_for_evaluation: ExactShare = Field(
        Decimal("0.15"), description="share kept for the report's own questions, as in 15% or 0.15"
    )
    pilot: int = Field(20, ge=0, le=1000, description="rows asked first, from which the whole is estimated (0: none)")

    @model_validator(mode="before")
    @classmethod
    def _names_no_command(cls, value: Any) -> Any:
        if isinstance(value, str) and "{" in value:
            raise ValueError("this is no YAML mapping; write budget: {total: 50 USD, reserve_for_evaluation: 15%}")
        if not isinstance(value, dict | Budget):
            raise ValueError(f"write budget: {{total: {value}}}")
        if isinstance(value, dict) and "at_end" in value:
            raise ValueError(
                "a recipe may come from elsewhere, so it names no command to call; yours goes on the command line: "
                "imbik run RECIPE --notify 'COMMAND', or into the environment as IMBIK_NOTIFY"
            )
        return value

    @field_validator("pilot")
    @classmethod
    def _pilot_says_something(cls, value: int) -> int:
        if 0 < value < 5:
            raise ValueError("fewer than 5 rows say nothing about the others; write 5 or more, or 0 for none")
        return value


class Samples(Section):
    """How many answers to ask for each task."""

    min: int = Field(1, ge=1, description="answers always asked for")
    max: int = Field(1, ge=1, description="answers at most")
    until: Literal["", "agreement"] = Field("", description="ask beyond `min` only while answers disagree")
    lead: int = Field(
        3,
        ge=1,
        description="until agreement: answers that the most frequent one must be ahead of the next (1: cheaper)",
    )

    @model_validator(mode="before")
    @classmethod
    def _plain_number(cls, value: Any) -> Any:
        return {"min": value, "max": value} if isinstance(value, int) else value

    @model_validator(mode="after")
    def _ordered(self) -> Samples:
        if self.max < self.min:
            raise ValueError("max is smaller than min")
        return self


class Longer(Section):
    """What becomes of an answer that the length limit cut off: its row alone is asked again with a larger limit."""

    times: int = Field(1, ge=0, le=4, description="how often a cut-off answer is asked again (0: never)")
    factor: float = Field(2.0, gt=1, le=16, description="each time the limit grows by this factor")

    def limits(self, max_tokens: int) -> tuple[int, ...]:
        """The larger limits in tokens, one after another."""
        return tuple(int(max_tokens * self.factor**time) for time in range(1, self.times + 1))


Teachers = str | list[str] | dict[str, str | list[str]]


class Generate(Section):
    """How answers are obtained."""

    source: Literal["teacher", "reference"] = Field(
        "teacher", alias="from", description="teacher, or reference: the rows' own answers (plain fine-tuning)"
    )
    teacher: Teachers = Field(
        "",
        description="a name under teachers, or [A, B]: each answers every task, as samples of its own; or "
        "{public: [A, B], otherwise: C} by sensitivity; empty: the only teacher",
    )
    samples: Samples = Field(default_factory=Samples, description="a number, or {min, max, until: agreement}")
    reasoning: Literal["steps", "none"] = Field("steps", description="ask for reasoning step by step, or not")
    instruction: str | None = Field(
        None, description="replaces the kind's own instruction to the teacher; '' asks the bare task"
    )
    temperature: float = Field(0.0, ge=0, description="sampling temperature (0: greedy)")
    top_p: float = Field(1.0, gt=0, le=1, description="nucleus sampling")
    max_tokens: int = Field(1024, ge=1, description="longest answer; raising it asks only truncated rows again")
    longer: Longer = Field(default_factory=Longer, description="cut-off answers are asked again with a larger limit")
    seed: int = Field(0, description="sampling seed; each row and sample derives its own")

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @field_validator("teacher")
    @classmethod
    def _each_once(cls, value: Teachers) -> Teachers:
        for names in value.values() if isinstance(value, dict) else [value]:
            if isinstance(names, list) and (not all(names) or len({*names}) < max(len(names), 1)):
                raise ValueError("name each teacher once: teacher: [A, B]; several answers of one are `samples`")
        return value


def each_of(names: str | list[str]) -> list[str]:
    """The teachers of one route of `generate.teacher`: one name, or several that each answer."""
    return names if isinstance(names, list) else [names]


class Privacy(Section):
    """What is done with rows that may not go to their teacher as they are."""

    clean: Literal["none", "pseudonymise", "redact"] = Field(
        "none",
        description="take personal data out of such rows where the operator's accepts_cleaned lets them leave then: "
        "pseudonymise ([TCKN_3F2A], put back in the answer), redact ([TCKN], for good), or none: they stay here",
    )


class Repair(Section):
    """Rejected answers are put to their teacher again, with their own words and the reason why they were rejected.

    Only where the reason says something about the answer: not for duplicates, leakage, balance or personal data.
    """

    rounds: int = Field(1, ge=1, le=3, description="how often a rejected answer is put to its teacher again, at most")
