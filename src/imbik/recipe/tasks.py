"""The recipe's section on tasks: where they come from, what they are, how they are cleaned and divided.

Enters: plain data from YAML. Leaves: frozen pydantic models; the description of a field is what `imbik explain KEY` and
editors show.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from imbik.core.plugins import RecipePath
from imbik.core.types import Sensitivity
from imbik.recipe.blocks import Block, Section, Share, SourceBlock
from imbik.recipe.growing import Grow


class Split(Section):
    """How rows are divided. A row's set is a keyed hash of its group or text: adding rows moves no old row."""

    validation: Share = Field(0.1, description="share of rows for validation (10-20% is usual)")
    test: Share = Field(0.1, description="share of rows held out for the report")
    stratify: bool = Field(True, description="balance sets within each class or category")
    by: str = Field("", description="column whose equal values stay together in one set (family, customer, dialogue)")
    seed: int = Field(0, description="key of the hash that decides a row's set")

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> Split:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must leave rows for training")
        return self


class Clean(Section):
    """What is cleaned in the texts of rows, before anything else is done with them; changes are counted and shown."""

    nfc: bool = Field(True, description="letters and their marks put together (NFC)")
    control: bool = Field(True, description="characters that show nothing taken out, ends of lines made one kind")
    html: bool = Field(True, description="tags taken out, entities read; turn it off for rows about HTML")
    mojibake: bool = Field(True, description="text that was read in a wrong encoding mended")


class Tasks(Section):
    """Where the tasks come from and what they are."""

    source: SourceBlock = Field(description="file, folder, hub id, or {use: SOURCE, …}")
    validation_source: SourceBlock | None = Field(None, description="a separate file of validation rows")
    test_source: SourceBlock | None = Field(None, description="a separate file of test rows")
    kind: Block = Field(description="math, qa, classification, conversation, or {use: KIND, …}")
    rows: str = Field("", description="which rows: 'train[:4096]', '[100:200]', 'train[10%:20%]'")
    columns: dict[str, str] = Field({}, description="field: column, where imbik's own guess is not right")
    answer_schema: RecipePath = Field("", description="file of a JSON schema that every answer has to fit")
    text_template: str = Field("", description="text with {column} fields; the last field, or `learn`, is learned")
    learn: str = Field("", description="the column of text_template that is learned")
    loss_on: Literal["answer", "all"] = Field("answer", description="learn the answer only, or all of the text")
    prompt_weight: float = Field(
        1.0, gt=0, le=1, description="how much a token that is not the answer's counts, with loss_on: all"
    )
    turns: Literal["all", "last"] = Field("all", description="which assistant turns of a conversation are learned")
    language: str = Field("tr", description="language of the tasks (ISO 639-1), or a column name")
    sensitivity: str = Field(
        "confidential",
        description="public, internal, confidential, special, or a column; without it every row is confidential",
    )
    clean: Clean | bool = Field(False, description="texts of rows are cleaned first: true, or what of it is not wanted")
    split: Split = Field(default_factory=Split, description="how rows are divided into train, validation and test")
    grow: Grow | None = Field(None, description="more tasks, made of these: {to: 10000, teacher: NAME}")
    augment: list[Block] = Field([], description="training tasks once more in other words or with typing errors")

    @model_validator(mode="after")
    def _grows_rows_of_its_kind(self) -> Tasks:
        if (self.grow or self.augment) and self.text_template:
            raise ValueError("rows of a text_template cannot be grown or augmented: take one of the two out")
        return self

    @model_validator(mode="after")
    def _prompt_is_learned(self) -> Tasks:
        if self.prompt_weight != 1.0 and self.loss_on != "all":
            raise ValueError("prompt_weight counts only where the prompt is learned: set loss_on: all, or leave it out")
        return self

    @property
    def cleaning(self) -> Clean | None:
        """What is cleaned, if anything."""
        return (Clean() if self.clean else None) if isinstance(self.clean, bool) else self.clean

    @property
    def level(self) -> Sensitivity | None:
        """The one sensitivity of all rows, or None when `sensitivity` names a column."""
        try:
            return Sensitivity(self.sensitivity)
        except ValueError:
            return None
