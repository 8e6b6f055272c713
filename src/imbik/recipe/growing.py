"""The recipe's section on growing tasks: how many, by which strategies, and when to stop.

Enters: plain data from YAML. Leaves: frozen pydantic models; the description of a field is what `imbik explain KEY` and
editors show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field, model_validator

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, load_plugin
from imbik.recipe.blocks import Block, Section, Share


class Novelty(Section):
    """When growing stops by itself: a strategy that hardly brings anything new is asked no more."""

    at_least: float = Field(0.1, ge=0, le=1, description="share of new tasks among those that a round brought")
    rounds: int = Field(3, ge=1, description="rounds below it, one after another, before a strategy is asked no more")


class HeldOut(Section):
    """Whole families (templates, documents, topics without a seed) of grown tasks that are kept from training."""

    validation: Share = Field(0.0, description="share of families for validation")
    test: Share = Field(0.0, description="share of families for the test set")

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> HeldOut:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must leave families for training")
        return self


class Grow(Section):
    """How the pool grows. Seeds are divided first; examples are drawn from training seeds only."""

    to: int = Field(ge=1, description="tasks wanted in all, the seeds among them")
    teacher: str = Field("", description="a name under teachers; empty: the first of them")
    strategies: list[Block] = Field(
        [PluginBlock(use="self_instruct"), PluginBlock(use="evolve")],
        min_length=1,
        description="how tasks are made, mixed by `share`: [{use: STRATEGY, share: 0.4, …}]",
    )
    threshold: float = Field(0.85, gt=0, le=1, description="Jaccard similarity of words that makes a task no new one")
    balance: bool = Field(True, description="grow the categories with the fewest tasks first")
    novelty: Novelty = Field(default_factory=Novelty, description="when a strategy is asked no more")
    held_out: HeldOut = Field(default_factory=HeldOut, description="grown families that are kept from training")
    references: bool = Field(
        False, description="have the teacher write each task's answer too, which then counts as known"
    )
    temperature: float = Field(0.8, ge=0, description="sampling temperature of growth questions")
    top_p: float = Field(1.0, gt=0, le=1, description="nucleus sampling of growth questions")
    max_tokens: int = Field(2048, ge=1, description="longest answer to a growth question")
    seed: int = Field(0, description="what is drawn (examples, personas, slots) follows from this number")


def asks(group: str, block: PluginBlock) -> bool:
    """Whether a strategy or an augmentation asks a teacher; one that does not exist asks nobody."""
    try:
        return bool(getattr(load_plugin(group, block.use), "asks", False))
    except PluginError:
        return False


def named_for_growth(grow: Grow | None, augment: Sequence[PluginBlock]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every key of these sections that names a teacher, with the name."""
    if grow and grow.teacher:
        yield ("tasks", "grow", "teacher"), grow.teacher
    for key, blocks in ((("grow", "strategies"), grow.strategies if grow else ()), (("augment",), augment)):
        for number, block in enumerate(blocks):
            if name := str(block.raw.get("teacher") or ""):
                yield ("tasks", *key, str(number), "teacher"), name
