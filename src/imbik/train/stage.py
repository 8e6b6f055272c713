"""The train stage: the student and its controls, for every seed.

Enters: kept samples, captured logits where a loss wants them, the student before training. Leaves:
`{student,answers_only,text_only}/seed-N/`, `best.json` (the seed best on validation), `rejected.jsonl` (rows no variant
learns, with the reason), `measured.json`. Each variant and seed goes on by itself after an interruption.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imbik.core.files import file_digest, write_json
from imbik.core.plugins import identity, make
from imbik.core.students import Best
from imbik.models.folder import tokenizer_hash
from imbik.models.load import fingerprint, resolve, sensitivity_of
from imbik.models.student import tokenizer_origin, vocabulary_texts
from imbik.recipe import Recipe
from imbik.recipe.training import Train
from imbik.stage import Asker, StageContext, StageResult
from imbik.train.losses import DISTRIBUTIONS

if TYPE_CHECKING:
    from imbik.train.course import TrainingRecord

STUDENT, LOGITS, BEST = "6_student", "5_logits", "best.json"
# What decides speed and memory, but not what is learned.
_FREE = {
    "micro_batch",
    "threads",
    "workers",
    "checkpoint_every",
    "gradient_checkpointing",
    "losses",
    "method",
    "accelerators",
    "teacher",
    "teachers",
}
# Keys that came later: left at their defaults they are no part of a hash made before them.
_LATER = {
    "learning_rates", "layer_decay", "schedule_cycles", "schedule_power", "schedule_floor", "betas", "epsilon",
    "momentum", "no_weight_decay", "length_bucketing", "metric", "on_policy", "top_k",
    "pairs", "loss_schedules", "combine", "adapters",
}  # fmt: skip
# What decides which students there are, but not what any of them learns.
_WHICH = {"seeds", "controls", "adapters"}


class TrainStage:
    """Always needed: a run is there to make a student."""

    name = "train"
    folder = STUDENT
    version = 1

    def needed(self, recipe: Recipe) -> bool:  # noqa: ARG002
        """Every recipe has a student."""
        return True

    def inputs(self, recipe: Recipe) -> Sequence[str]:
        """Kept samples, and the captured logits where a loss learns from them."""
        kept = "review" if recipe.review is not None else "refine"
        taught = any(DISTRIBUTIONS in make("train/losses", block).needs for block in recipe.train.losses)
        return (kept, "capture") if taught and recipe.capture is not None else (kept,)

    def settings(self, recipe: Recipe, asker: Asker) -> dict[str, Any]:
        """The train section but for what only moves speed and memory, the student, and what decides its token ids."""
        student, tasks = recipe.student, recipe.tasks
        origin, source = tokenizer_origin(recipe, asker)
        unset = {"model"} | ({"keep"} if student.keep is None else set())
        dumped = student.model_dump(mode="json", exclude=unset)
        if student.keep is not None:
            dumped["keep"] = _kept_form(recipe, dumped["keep"])
        given = resolve(student.model, recipe.base) if student.model else None
        return {
            "train": recipe.train.model_dump(mode="json", exclude=_FREE | _unset(recipe.train)),
            "method": identity("train/methods", recipe.train.method),
            "losses": [identity("train/losses", block) for block in recipe.train.losses],
            "student": dumped,
            "model": [fingerprint(given), sensitivity_of(given)[0].value] if given else "",
            "tokenizer": tokenizer_hash(source) if source is not None else origin,
            "kind": identity("tasks/kinds", tasks.kind),
            "turns": tasks.turns,
            "loss_on": tasks.loss_on,
            "prompt_weight": tasks.prompt_weight,
            **_beside(recipe, asker),
            **_accelerated(recipe),
            **({"pairs": file_digest(path)} if (path := recipe.pair_file()) is not None and path.exists() else {}),
        }

    def _decisive(self, context: StageContext) -> object:
        """What the stage's hash is made of, but for which seeds and controls there are."""
        settings = self.settings(context.recipe, context.asker)
        kept = "4_reviewed" if context.recipe.review is not None else "3_refined"
        made = [context.run.manifest(folder) for folder in (kept, LOGITS)]
        train = {key: value for key, value in settings["train"].items() if key not in _WHICH}
        inputs = [(manifest.root, manifest.sensitivity.value) if manifest else None for manifest in made]
        return [self.version, {**settings, "train": train}, inputs]

    def run(self, context: StageContext) -> StageResult:
        """Train what is not trained yet."""
        from imbik.train.work import Work

        work = Work.of(context, self._decisive(context))
        records: list[TrainingRecord] = []
        for seed in context.recipe.train.seeds:
            budget = 0
            for variant in work.variants:
                record = work.train(variant, seed, 0 if variant.adapter else budget)
                budget = budget or record.tokens
                records.append(record)
        adapters = {variant.adapter: _best(records, variant.name) for variant in work.variants if variant.adapter}
        write_json(context.folder / BEST, Best(seed=_best(records, "student"), adapters=adapters))
        return work.result(records)


def _best(records: Sequence[TrainingRecord], variant: str) -> int:
    """A variant's seed best on validation, the lowest number on a tie."""
    own = [record for record in records if record.variant == variant]
    return min(own, key=lambda record: (record.validation_loss, record.seed)).seed


def _kept_form(recipe: Recipe, keep: dict[str, Any]) -> dict[str, Any]:
    """What is kept of the model; keys that came later are left out where they are not set, so that hashes stay."""
    later = {"vocabulary": None, "heads": 1.0, "hidden": 1.0}
    kept = {key: value for key, value in keep.items() if key not in later or value != later[key]}
    if "vocabulary" in kept:
        texts = [file_digest(path) for path in vocabulary_texts(recipe) if path.exists()]
        kept["vocabulary"] = {**kept["vocabulary"], "texts": texts}
    return kept


def _accelerated(recipe: Recipe) -> dict[str, Any]:
    """The accelerators, which change the last digits; nothing where there is none."""
    found = [identity("train/accelerators", block) for block in recipe.train.accelerators]
    return {"accelerators": found} if found else {}


def _beside(recipe: Recipe, asker: Asker) -> dict[str, Any]:
    """Who the teacher beside the student is; nothing where there is none."""
    train = recipe.train
    if train.teachers:
        told = {name: [asker.identity(name), asker.sensitivity(name).value] for name in train.teachers}
        return {"beside": [[*told[name], share.model_dump(mode="json")] for name, share in train.teachers.items()]}
    name = train.teacher
    return {"beside": [asker.identity(name), asker.sensitivity(name).value]} if name else {}


def _unset(train: Train) -> set[str]:
    """The later keys that this recipe leaves at their defaults."""
    return {name for name in _LATER if getattr(train, name) == Train.model_fields[name].default}
