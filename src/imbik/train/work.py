"""What the train stage does: every variant and seed, each going on by itself after an interruption.

Enters: the stage's context, and what decides the students. Leaves: trained students and the stage's books. Apart from
the stage, for what it needs (numpy above all) is not loaded where the students are current.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from imbik.core.errors import TrainingError
from imbik.core.files import digest_value, file_digest, write_json, write_lines
from imbik.core.lineage import leaf
from imbik.core.plugins import make
from imbik.core.results import Artifact, Books
from imbik.core.types import Sample, Sensitivity
from imbik.models.logits import LogitStore
from imbik.models.model import LanguageModel
from imbik.models.student import initial_student
from imbik.privacy.sensitivity import highest, inherited
from imbik.stage import Scores, StageContext, StageResult
from imbik.tasks.adapters import adapters_of, which_rows
from imbik.tasks.kinds import Kind
from imbik.tasks.read import kind_of, read_samples
from imbik.train.course import TrainingRecord
from imbik.train.faculty import Faculty, routed
from imbik.train.lesson import Hooks
from imbik.train.loss_schedule import Courses
from imbik.train.losses import BESIDE, DISTRIBUTIONS, PAIRS, SPANS, Loss
from imbik.train.methods import Method, TakesContext
from imbik.train.pairs import Pair, pairs_of
from imbik.train.pupil import loader, make_pupil
from imbik.train.reuse import mark, take
from imbik.train.rows import Encoding, Rejected, Row, encode, with_teacher
from imbik.train.served import ServedReader
from imbik.train.teaching import VALIDATION_ROWS, Assignment, Sets, attempting, copy_student, teach
from imbik.train.tutor import Tutor, beside_context, crossing_of, open_tutor
from imbik.train.variants import Variant, cross_entropy, plan

LOGITS = "5_logits"
SCORES = "scores.sqlite"


@dataclass
class Work:
    """Everything the variants share, read once."""

    context: StageContext
    kind: Kind
    method: Method
    samples: list[tuple[Sample, str]]
    variants: list[Variant]
    rejected: list[Rejected]
    encoding: Encoding
    sets: dict[str, Sets]
    warnings: list[str]
    sensitivity: Sensitivity
    decisive: object

    @classmethod
    def of(cls, context: StageContext, decisive: object) -> Work:
        """Read samples, decide variants, encode rows; `decisive` is what all variants and seeds depend on.

        Raises: TrainingError when no row is left to learn from.
        """
        recipe, run = context.recipe, context.run
        kind = kind_of(recipe, run)
        everything = list(read_samples(run, recipe))
        variants, warnings = plan(recipe, [sample for sample, _ in everything], kind)
        method: Method = make("train/methods", recipe.train.method)
        model = initial_student(recipe, run, context.asker, recipe.train.seeds[0], loader(method))
        level = _level(context, model, [sample for sample, _ in everything], variants)
        crossing = crossing_of(context, model.tokenizer, model.tokenizer_hash)
        beside = (crossing is None and beside_context(context)) or model.context
        room = model.context - (method.takes if isinstance(method, TakesContext) else 0)
        longest = min(recipe.train.max_length or room, room, beside)
        encoding = Encoding(
            model.tokenizer,
            model.tokenizer_hash,
            model.class_tokens,
            recipe.tasks.turns,
            recipe.tasks.loss_on,
            longest,
            recipe.tasks.prompt_weight,
            crossing,
        )
        work = cls(
            context, kind, method, everything, variants, [], encoding, {}, [*warnings, *model.notes], level, decisive
        )
        work._encode()
        write_lines(context.folder / "rejected.jsonl", work.rejected)
        return work

    def _encode(self) -> None:
        """Rows of every variant; a sample the student cannot learn is left out of the controls too."""
        student = self.variants[0]
        first, self.rejected = self._rows(student, self.samples)
        refused = {item.id for item in self.rejected}
        kept = [(sample, name) for sample, name in self.samples if sample.id not in refused]
        for variant in self.variants:
            rows, lost = (first, []) if variant.reasoning else self._rows(variant, kept)
            if lost:
                self.warnings.append(f"{variant.name} learns {len(lost)} rows less: {lost[0].reason}")
            self.sets[variant.name] = self._divide(self._own(rows, variant), variant)
        for variant in self.variants:
            if variant.adapter and not self.sets[variant.name].train:
                raise TrainingError(
                    f"no training row is for adapter '{variant.adapter}'",
                    where=f"train.adapters.{variant.adapter}",
                    next="correct its tags and categories (tasks.columns: {tags: COLUMN} says where tags stand), or "
                    "take it out",
                )
        if not self.sets["student"].train:
            raise TrainingError(
                f"no row is left to train on ({len(self.samples)} kept samples, {len(refused)} of them rejected)",
                where=str(self.context.folder / "rejected.jsonl"),
                next=f"imbik show {self.context.run.typed} refine says where the rows went; train.max_length decides "
                "how long one may be",
            )

    def _own(self, rows: Sequence[Row], variant: Variant) -> Sequence[Row]:
        """All rows, or those of the variant's adapter."""
        if not variant.adapter:
            return rows
        adapters = self.context.recipe.train.adapters
        mine = {one.id for one, _ in self.samples if variant.adapter in adapters_of(adapters, one.task)}
        return [row for row in rows if row.id in mine]

    def _rows(self, variant: Variant, samples: Sequence[tuple[Sample, str]]) -> tuple[list[Row], list[Rejected]]:
        outside = [
            Rejected(id=sample.id, reason=f"in set '{name}'")
            for sample, name in samples
            if name not in ("train", "validation")
        ]
        inside = [
            (sample, variant.text(sample, self.kind)) for sample, name in samples if name in ("train", "validation")
        ]
        rows, rejected = encode(inside, self.encoding)
        return rows, [*outside, *rejected]

    def _divide(self, rows: Sequence[Row], variant: Variant) -> Sets:
        """Training and validation rows, with the teacher's distributions where the variant's losses want them."""
        validating = {sample.id for sample, name in self.samples if name == "validation"}
        if DISTRIBUTIONS in variant.needs and self.context.recipe.capture is not None:
            store = LogitStore.open(self.context.run.stage(LOGITS))
            crossing = self.encoding.crossing
            store.check_tokenizer((crossing or self.encoding).tokenizer_hash)
            rows = with_teacher(rows, store, across=crossing is not None)
            silent = sum(not row.taught for row in rows)
            if silent:
                self.warnings.append(f"{silent} of {len(rows)} rows have no captured logits: they teach by their text")
        if self.encoding.crossing is not None:
            rows = self._across(rows, variant)
        rows = routed(rows, self.context.recipe.train.teachers, {one.id: one.task.tags for one, _ in self.samples})
        training = [row for row in rows if row.id not in validating]
        # Loss on a thousand rows is known to a hundredth of a nat; more would only slow training down.
        return Sets(training, [row for row in rows if row.id in validating][:VALIDATION_ROWS])

    def _across(self, rows: Sequence[Row], variant: Variant) -> Sequence[Row]:
        """Rows with what a teacher with another tokenizer is given, where the variant's losses want it."""
        if SPANS not in variant.needs:
            return [replace(row, other=None) for row in rows]
        silent = sum(row.other is None for row in rows)
        if silent:
            self.warnings.append(
                f"{silent} of {len(rows)} rows are too long for the teacher, or nothing of them aligns: they teach by "
                "their text"
            )
        return rows

    def train(self, variant: Variant, seed: int, budget: int) -> TrainingRecord:
        """Train one variant with one seed, unless that is done already."""
        task = self._assignment(variant, seed, budget)
        found = task.finished()
        if found is not None:
            return found
        if variant.copy:
            return copy_student(task, self.context.folder / "student" / f"seed-{seed}")
        claims = self.context.recipe.train.adapters
        own = [which_rows(claims, variant.adapter)] if variant.adapter else []
        key = digest_value([self.decisive, variant.name, seed, budget, *own])
        if take(self.context.run, task.folder, key) and (found := task.finished()) is not None:
            self.context.progress.say(f"{task.name} was trained before, under the same settings")
            return found
        mark(task.folder, key)
        recipe, progress = self.context.recipe, self.context.progress
        pupil = make_pupil(recipe, self.method, seed, lambda: self._fresh(seed), self.context.folder)
        pupil.model.sensitivity = self.sensitivity

        def begin(steps: int, done: int) -> None:
            progress.begin(task.name, steps)
            progress.advance(task.name, done)

        hooks = Hooks(
            begin=begin,
            advance=lambda steps, note: progress.advance(task.name, steps, note),
            say=progress.say,
            adjust=lambda measured: write_json(self.context.folder / "measured.json", measured),
        )
        with self._reader(variant) as reader:
            record = teach(replace(task, reader=reader), recipe, pupil, self.context.folder, hooks)
        progress.end(task.name)
        return record

    def _assignment(self, variant: Variant, seed: int, budget: int) -> Assignment:
        sets = self.sets[variant.name]
        losses: Sequence[Loss] = variant.losses
        tutor = self.tutor if variant.needs & (BESIDE | {DISTRIBUTIONS}) else None
        taught = variant.name == "student" or bool(variant.adapter)
        courses = Courses.of(self.context.recipe) if taught else None
        if courses is not None and not courses.fixed:
            losses = courses.at(1.0)
        losses = [loss for loss in losses if PAIRS not in loss.needs] or [cross_entropy()]
        if DISTRIBUTIONS in variant.needs and tutor is None and not all(row.taught for row in sets.validation):
            losses = [cross_entropy()]
        crossing, tasks = self.encoding.crossing, {sample.id: sample.task for sample, _ in self.samples}
        return Assignment(
            variant=variant,
            seed=seed,
            sets=sets,
            validation_losses=losses,
            budget=budget,
            share=len(sets.train) / len(self.sets["student"].train) if variant.adapter else 1.0,
            folder=self.context.folder / variant.name / f"seed-{seed}",
            longest=self.encoding.longest,
            tutor=tutor,
            shared=None if crossing is None else crossing.shared,
            across=None if crossing is None else crossing.across(tasks),
            pairs=self.pairs if PAIRS in variant.needs else (),
            courses=None if courses is None or courses.fixed else courses,
        )

    @cached_property
    def pairs(self) -> Sequence[Pair]:
        """Pairs of texts for losses that compare two, of training rows alone."""
        recipe, encoding = self.context.recipe, self.encoding
        if recipe.train.pairs is None:
            return ()
        tasks = {sample.task.id: sample.task for sample, name in self.samples if name == "train"}
        path = recipe.pair_file()
        return pairs_of(recipe.train.pairs, path, list(tasks.values()), encoding.tokenizer, encoding.longest)

    @cached_property
    def tutor(self) -> Tutor | Faculty | None:
        """The teacher that reads beside the students, loaded once; None where the recipe names none in this process."""
        return open_tutor(self.context, self.encoding.tokenizer_hash)

    @contextmanager
    def _reader(self, variant: Variant) -> Iterator[ServedReader | None]:
        """The served teacher that reads a variant's attempts; None where there is none."""
        recipe, asker = self.context.recipe, self.context.asker
        if not attempting(recipe, variant) or self.tutor is not None:
            yield None
            return
        if not isinstance(asker, Scores):
            raise TrainingError("nobody here can be asked about token ids", where="train.teacher")
        name = recipe.train.teacher
        with asker.scoring(name, self.context.folder / SCORES, purpose="training") as scoring:
            kept = LogitStore.open(self.context.run.stage(LOGITS)).settings.top_k if recipe.capture else 0
            wanted = kept or recipe.train.top_k
            levels = {sample.id: inherited(sample.sensitivity, self.sensitivity) for sample, _ in self.samples}
            encoding = self.encoding
            yield ServedReader(name, scoring, encoding.tokenizer, encoding.tokenizer_hash, wanted, levels)
            scoring.forget()

    def _fresh(self, seed: int) -> LanguageModel:
        """The student before training, its own weights for each training."""
        context = self.context
        return initial_student(context.recipe, context.run, context.asker, seed, loader(self.method))

    def result(self, records: Sequence[TrainingRecord]) -> StageResult:
        """Books over samples, one leaf and one artifact for each trained student."""
        context = self.context
        reasons = Counter(item.reason for item in self.rejected)
        total, lost = len(self.samples), len(self.rejected)
        warnings = [*self.warnings, *(text for record in records for text in record.warnings)]
        return StageResult(
            books=Books(rows_in=total, rows_out=total - lost, rejected=lost, reasons=dict(reasons)),
            leaves=[leaf(f"{record.variant}/{record.seed}", record.sha256) for record in records],
            sensitivity=self.sensitivity,
            artifacts=[self._artifact(record) for record in records],
            measured=_measured_text(context.folder),
            warnings=list(dict.fromkeys(warnings)),
        )

    def _artifact(self, record: TrainingRecord) -> Artifact:
        path = self.context.folder / record.variant / f"seed-{record.seed}" / "weights"
        return Artifact(
            path=str(path.relative_to(self.context.run.path)),
            sha256=file_digest(path),
            format="transformers",
            sensitivity=self.sensitivity,
        )


def _level(
    context: StageContext, model: LanguageModel, samples: Sequence[Sample], variants: Sequence[Variant]
) -> Sensitivity:
    """What students learn from: the model they begin as, their rows, and the teacher whose logits they are taught."""
    levels = [model.sensitivity, *(sample.sensitivity for sample in samples)]
    captured = context.run.manifest(LOGITS) if any(DISTRIBUTIONS in variant.needs for variant in variants) else None
    if captured is not None:
        levels.append(captured.sensitivity)
    if any(PAIRS in variant.needs for variant in variants) and context.recipe.pair_file() is not None:
        assert context.recipe.train.pairs is not None
        levels.append(context.recipe.train.pairs.sensitivity)
    levels += [context.asker.sensitivity(name) for name in context.recipe.train.beside]
    return highest(levels)


def _measured_text(folder: Path) -> dict[str, str]:
    from imbik.core.files import read_json
    from imbik.train.precision import Measured

    path = folder / "measured.json"
    return read_json(path, Measured).as_text() if path.exists() else {}
