"""The capture stage: top-k logits of the teacher for every kept training and validation row.

Enters: kept samples, the teacher's weights, the student's tokenizer. Leaves: for each row the teacher's k best next
tokens at the positions that predict a learned token. The teacher reads exactly the token ids the student will learn, so
their vocabularies must be one; or, where all losses can cross tokenizers, the same row by its own. A row whose ids
changed is refused later by its token hash. Work is done in blocks of rows, and a block that is on disk is not done
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.capture.rows import CaptureRow, Wanted
from imbik.core.errors import RecipeError
from imbik.core.executor import blocks_of
from imbik.core.files import digest, write_json
from imbik.core.lineage import leaf
from imbik.core.plugins import identity
from imbik.core.results import Books
from imbik.core.types import Sensitivity
from imbik.models.crossing import capture_teacher, crosses
from imbik.models.folder import tokenizer_hash
from imbik.models.gguf import tokenizer_home
from imbik.models.load import fingerprint, load_tokenizer, sensitivity_of
from imbik.models.logit_writer import LogitWriter
from imbik.models.logits import Form, LogitRow, LogitSettings, LogitStore
from imbik.models.student import prepare_tokenizer, tokenizer_origin, vocabulary_kept
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe
from imbik.stage import Asker, Scores, StageContext, StageResult
from imbik.teachers import dtype_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from imbik.models.engines import Engine

BLOCK_ROWS = 256
MODELS_HERE = ("in_process", "run")
_ANY_LENGTH = 1 << 40  # a server says itself what is too long for it


class CaptureStage:
    """Needed when the recipe has `capture:`."""

    name = "capture"
    folder = "5_logits"
    version = 1

    def needed(self, recipe: Recipe) -> bool:
        """Whether the recipe asks for it."""
        return recipe.capture is not None

    def inputs(self, recipe: Recipe) -> Sequence[str]:
        """The stage that keeps samples."""
        return ("review",) if recipe.review is not None else ("refine",)

    def settings(self, recipe: Recipe, asker: Asker) -> object:
        """Teacher, top-k, and what decides the token ids and which of them are learned."""
        assert recipe.capture is not None
        name = capture_teacher(recipe)
        served = recipe.teachers[name].use not in MODELS_HERE and isinstance(asker, Scores)
        if not served and recipe.capture.source == "teacher":
            _weights(recipe, asker)
        origin, source = tokenizer_origin(recipe, asker)
        return {
            "teacher": [asker.identity(name), asker.sensitivity(name).value],
            "top_k": recipe.capture.top_k,
            **_form(recipe),
            "turns": recipe.tasks.turns,
            "loss_on": recipe.tasks.loss_on,
            "kind": identity("tasks/kinds", recipe.tasks.kind),
            "tokenizer": tokenizer_hash(source) if source is not None else origin,
            **({"vocabulary": "trimmed"} if vocabulary_kept(recipe) is not None else {}),
        }

    def run(self, context: StageContext) -> StageResult:
        """Capture what is not captured yet."""
        recipe = context.recipe
        assert recipe.capture is not None
        if recipe.capture.source == "answers":
            return _answered(context)
        here = recipe.teachers[capture_teacher(recipe)].use in MODELS_HERE
        if not here and isinstance(context.asker, Scores):
            return _served(context)
        weights = _weights(recipe, context.asker)
        block = recipe.teachers[capture_teacher(recipe)]
        memory = tuple(sorted((str(place), str(most)) for place, most in block.raw.get("memory", {}).items()))
        teacher = _Loaded(weights, dtype_of(block), memory)
        tokenizer = _row_tokenizer(context, weights)
        writer_settings = LogitSettings(
            teacher=fingerprint(weights),
            tokenizer_hash=tokenizer_hash(tokenizer_home(weights)),
            top_k=_kept(recipe, teacher),
            form=recipe.capture.form,
            vocabulary=teacher.engine.width,
        )
        writer = LogitWriter(context.folder, writer_settings)
        wanted = Wanted(context, tokenizer, teacher.engine.model.context)
        done = LogitStore.open(context.folder)
        blocks = ([row for row in block if row.row not in done] for block in blocks_of(wanted, BLOCK_ROWS))
        work = CaptureWork(teacher, writer_settings.top_k, recipe.capture.form)
        for rows in context.executor.map(work, (block for block in blocks if block)):
            writer.append(rows)
            context.progress.event("captured", rows=len(rows))
        measured = _measured(context, teacher, Wanted(context, tokenizer, teacher.engine.model.context))
        _engine.cache_clear()
        level = inherited(sensitivity_of(weights)[0], wanted.sensitivity)
        return _result(context, wanted, level, measured)


@dataclass(frozen=True)
class _Loaded:
    """A teacher's weights by their folder and precision, and where they may lie; loaded once in each process."""

    weights: Path
    dtype: str
    memory: tuple[tuple[str, str], ...] = ()

    @property
    def engine(self) -> Engine:
        """The weights, ready to read rows."""
        return _engine(self.weights, fingerprint(self.weights), self.dtype, self.memory)


@dataclass(frozen=True)
class CaptureWork:
    """The computing half: what an executor runs on a block. Weights are loaded once in each process."""

    teacher: _Loaded
    count: int
    form: Form = "exact"

    def __call__(self, block: Sequence[CaptureRow]) -> list[LogitRow]:
        """The block's rows with what is kept of the teacher's distributions at their places."""
        from imbik.capture.drawing import drawn, likeliest

        make = drawn if self.form == "sampled" else likeliest
        return make(self.teacher.engine, block, self.count)


@lru_cache(maxsize=1)
def _engine(
    weights: Path,
    identity: str,  # noqa: ARG001 - a key
    dtype: str,
    memory: tuple[tuple[str, str], ...],
) -> Engine:
    from imbik.models.opening import open_engine

    return open_engine(weights, dtype=dtype, memory=dict(memory))


def _students_own(context: StageContext) -> tuple[str, PreTrainedTokenizerFast, LogitSettings]:
    """The teacher's name, the student's tokenizer, and the settings of a store of the student's own token ids."""
    from imbik.capture.drawing import kept

    recipe = context.recipe
    assert recipe.capture is not None
    name, folder = capture_teacher(recipe), prepare_tokenizer(recipe, context.run, context.asker)
    tokenizer = load_tokenizer(folder)
    settings = LogitSettings(
        teacher=context.asker.identity(name),
        tokenizer_hash=tokenizer_hash(folder),
        top_k=kept(recipe.capture.form, recipe.capture.top_k),
        form=recipe.capture.form,
        vocabulary=1 << (len(tokenizer) - 1).bit_length(),
    )
    return name, tokenizer, settings


def _answered(context: StageContext) -> StageResult:
    """Capture from log-probabilities that the answers came with."""
    from imbik.capture.answered import capture_answered

    name, tokenizer, settings = _students_own(context)
    wanted = Wanted(context, tokenizer, _ANY_LENGTH)
    wanted.reasons.update(capture_answered(context.folder, name, tokenizer, settings, wanted.with_samples()))
    level = inherited(context.asker.sensitivity(name), wanted.sensitivity)
    return _result(context, wanted, level, {})


def _served(context: StageContext) -> StageResult:
    """Capture from a teacher behind a server, which reads the student's own token ids."""
    from imbik.capture.served import capture_served

    name, tokenizer, settings = _students_own(context)
    wanted = Wanted(context, tokenizer, _ANY_LENGTH)
    rows = ((row, sample.sensitivity) for row, sample in wanted.with_samples())
    reasons = capture_served(context, name, tokenizer, settings, rows)
    wanted.reasons.update(reasons)
    level = inherited(context.asker.sensitivity(name), wanted.sensitivity)
    return _result(context, wanted, level, {})


def _weights(recipe: Recipe, asker: Asker) -> Path:
    """The teacher's weights.

    Raises: RecipeError for a teacher that is no model in this process.
    """
    name = capture_teacher(recipe)
    folder = asker.model_folder(name)
    if folder is None:
        raise RecipeError(
            f"teacher '{name}' ({recipe.teachers[name].use}) gives text only: its logits cannot be captured",
            where="capture.teacher",
            next="name an in_process or run teacher, or leave `capture:` out and learn from the text",
        )
    return folder


def _row_tokenizer(context: StageContext, weights: Path) -> PreTrainedTokenizerFast:
    """The tokenizer that rows are read by: the student's, or the teacher's own where all losses can cross the two.

    Raises: RecipeError where the student's ids mean something else than the teacher's, and a loss cannot cross them.
    """
    folder, home = prepare_tokenizer(context.recipe, context.run, context.asker), tokenizer_home(weights)
    if tokenizer_hash(folder) == tokenizer_hash(home):
        return load_tokenizer(folder)
    if crosses(context.recipe):
        return load_tokenizer(home)
    raise RecipeError(
        "student and teacher use different tokenizers, so the teacher's logits say nothing of the student's tokens",
        where="student.tokenizer",
        next="--set student.tokenizer=teacher for a student made here, compare with losses that cross tokenizers alone "
        "(uld, hybrid), or leave `capture:` out",
    )


def _form(recipe: Recipe) -> dict[str, object]:
    """What of the form shapes the output; nothing for the usual one, whose hash stays what it was."""
    assert recipe.capture is not None
    form, said = recipe.capture.form, recipe.capture.source
    source = {} if said == "teacher" else {"source": said}
    if form == "exact":
        return {**source}
    return {**source, "form": form, **({"samples": recipe.capture.samples} if form == "sampled" else {})}


def _kept(recipe: Recipe, teacher: _Loaded) -> int:
    """How many tokens are kept or drawn at a position: as asked, but no more likeliest ones than there are tokens."""
    assert recipe.capture is not None
    from imbik.capture.drawing import kept

    own = recipe.capture
    return own.samples if own.form == "sampled" else min(kept(own.form, own.top_k), teacher.engine.width)


def _measured(context: StageContext, teacher: _Loaded, wanted: Iterable[CaptureRow]) -> dict[str, str]:
    """Size, bias and variance of what was kept, beside whole distributions of the first rows; written down too."""
    from imbik.capture.drawing import QUALITY, SAMPLE_ROWS, measure

    size = sum(path.stat().st_size for path in context.folder.glob("shard-*"))
    found = measure(teacher.engine, LogitStore.open(context.folder), list(islice(wanted, SAMPLE_ROWS)), size)
    if found is None:
        return {}
    write_json(context.folder / QUALITY, found)
    return {"kept": str(found)}


def _result(context: StageContext, wanted: Wanted, level: Sensitivity, measured: dict[str, str]) -> StageResult:
    """Books and leaves from what is on disk."""
    store = LogitStore.open(context.folder)
    leaves = [leaf(row, _content(store, row)) for row in store.rows()]
    lost = sum(wanted.reasons.values())
    books = Books(rows_in=wanted.seen, rows_out=len(store), rejected=lost, reasons=dict(wanted.reasons))
    warnings = [f"{count} rows teach by their text alone: {why}" for why, count in wanted.reasons.items()]
    return StageResult(books=books, leaves=leaves, sensitivity=level, warnings=warnings, measured=measured)


def _content(store: LogitStore, row: str) -> str:
    """Hash of a row's captured values."""
    import numpy as np

    ids, logprobs = store.row(row, store.token_hash(row))
    return digest(np.ascontiguousarray(ids).tobytes(), np.ascontiguousarray(logprobs).tobytes())
