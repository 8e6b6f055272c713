"""Which student: candidates on the user's own rows, before training and after a little of it.

Enters: a recipe, models as `student.model` names them, a number of rows and steps. Leaves: for each candidate its score
on validation rows as it is and after a short fine-tune, both with intervals; how many tokens it needs for a word of the
tasks; memory, speed, licence; and a recommendation. The test rows stay untouched, and nobody is asked anything: the
fine-tune learns from the run's kept answers where they are there, else from the rows' own known answers. Each candidate
is a run under `trials/`, so what was measured once is not measured again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import metadata
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from imbik.core.errors import ImbikError, InputError, UsageError
from imbik.core.files import digest, write_text
from imbik.core.locks import writer_lock
from imbik.core.plugins import PluginBlock
from imbik.core.progress import Reporter, SilentReporter
from imbik.core.results import Score
from imbik.core.runfolder import TRIALS, RunFolder
from imbik.evaluate.answers import kept
from imbik.evaluate.bootstrap import Bootstrap
from imbik.evaluate.compare import matrix
from imbik.evaluate.require import metric_blocks
from imbik.evaluate.scores import MetricScore, SystemScores, read_scores
from imbik.models.folder import check_folder
from imbik.models.licence import licence_of
from imbik.models.load import EMBEDDED, load_tokenizer, resolve
from imbik.pipeline.estimate import memory_bytes
from imbik.pipeline.rows import look
from imbik.pipeline.run import located, run
from imbik.pipeline.sizes import UNKNOWN, student_size
from imbik.privacy.trust import note_origin
from imbik.recipe import Recipe, to_yaml
from imbik.recipe.training import Train
from imbik.tasks.read import read_tasks
from imbik.teachers.catalogue.models import known_students

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REPORT = "8_report"
TEXTS = 1000  # whose words are counted
_WORDS = re.compile(r"\S+")


class StudentCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """One model: scores before and after the short fine-tune, tokens a word, weights, bytes while training and in use,
    tokens and milliseconds of one answer at a time, licence ('': not known), and why it was not measured ('': it was).
    `behind` is how far it is behind the best one after the fine-tune, paired."""

    name: str
    zero_shot: Score | None = None
    tuned: Score | None = None
    behind: Score | None = None
    tokens_per_word: float | None = None
    parameters: int | None = None
    training_bytes: int | None = None
    use_bytes: int | None = None
    tokens_per_second: float | None = None
    latency_ms: float | None = None
    licence: str = ""
    note: str = ""


class StudentAudition(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `learned_from` says whose answers the fine-tune learned."""

    metric: str
    rows: int
    steps: int
    learned_from: str
    candidates: list[StudentCandidate]
    recommended: str
    why: str


def audition_students(
    recipe: str | Path,
    students: Sequence[str],
    *,
    rows: int = 200,
    steps: int = 100,
    runs: Path | None = None,
    overrides: Sequence[str] = (),
    reporter: Reporter | None = None,
) -> StudentAudition:
    """Measure every candidate, one after another.

    Raises: UsageError without a candidate, InputError where there is nothing to measure on or to learn from, and as
        `run`. A candidate that cannot be loaded, or trained, is a line that says why.
    """
    names = list(dict.fromkeys(students))
    if not names or rows < 2 or steps < 1:
        raise UsageError(
            "an audition of students needs a model or more, two rows and a step",
            where="--students",
            next="--students FOLDER,OWNER/NAME,embedded:base --rows 200 --steps 100",
        )
    loaded, folder = located(recipe, runs, overrides)
    told = reporter or SilentReporter()
    run(recipe, runs=runs, overrides=overrides, until="tasks", reporter=told)
    answered = _answered(recipe, runs, overrides)
    _refuse_nothing(folder, answered)
    found, scores = [], {}
    with writer_lock(folder.path / TRIALS):
        for name in names:
            told.say(f"student {name}")
            candidate, answers = _measured(loaded, folder, name, rows, steps, answered, told)
            found.append(candidate)
            if answers is not None:
                scores[name] = answers
    ranked, chosen, why = _ranked(found, scores)
    return StudentAudition(
        metric=metric_blocks(loaded)[0].use,
        rows=max((item.tuned.n for item in found if item.tuned), default=0),
        steps=steps,
        learned_from="the run's kept answers" if answered else "the rows' own known answers",
        candidates=ranked,
        recommended=chosen,
        why=why,
    )


def _answered(recipe: str | Path, runs: Path | None, overrides: Sequence[str]) -> bool:
    """Whether the run's kept answers are there and current: then learning from them asks nobody."""
    planned = run(recipe, runs=runs, overrides=overrides, until="refine", dry_run=True)
    return all(stage.status == "current" for stage in planned.stages)


def _refuse_nothing(folder: RunFolder, answered: bool) -> None:
    sets = [name for _, name in read_tasks(folder)]
    if "validation" not in sets:
        raise InputError(
            "students are measured on validation rows, and there are none",
            where="tasks.split",
            next="--set tasks.split.validation=0.1",
        )
    known = sum(name == "train" and task.reference is not None for task, name in read_tasks(folder))
    if not answered and not known:
        raise InputError(
            "there is nothing to learn from: no training row has a known answer, and the run has no answers yet",
            where=folder.typed,
            next=f"imbik run {folder.typed} --until refine has the teacher answer, then the same command again",
        )


def _licence(name: str, home: Path) -> str:
    """What the folder says, or what is known of a hub id; imbik's own models are under its licence."""
    if name.startswith(EMBEDDED):
        return str(metadata("imbik")["License-Expression"]).lower()
    known = known_students().get(name)
    return licence_of(home) or (known.terms if known is not None else "")


def _measured(
    recipe: Recipe, folder: RunFolder, name: str, rows: int, steps: int, answered: bool, told: Reporter
) -> tuple[StudentCandidate, NDArray[np.float64] | None]:
    """One candidate's line, and its scores (1, rows) after the fine-tune; None where it could not be measured."""
    given = recipe.model_copy(update={"student": recipe.student.model_copy(update=_only(name))})
    try:
        home = resolve(name, recipe.base)
        check_folder(home)
        known = StudentCandidate(
            name=name, licence=_licence(name, home), tokens_per_word=_tokens_per_word(home, folder)
        )
    except ImbikError as error:
        return StudentCandidate(name=name, note=_short(error)), None
    size = student_size(given) or UNKNOWN
    known = msgspec.structs.replace(
        known, parameters=size.parameters, training_bytes=memory_bytes(given, size, look(given, folder))
    )
    trial = RunFolder(folder.path / TRIALS / f"student-{digest(name)[:8]}")
    trial.create()
    note_origin(trial.path, recipe.base)
    write_text(trial.path / "recipe.yaml", to_yaml(_short_tune(given, folder.name, rows, steps, answered)))
    try:
        run(trial.path, until="evaluate", reporter=told)
    except ImbikError as error:
        return msgspec.structs.replace(known, note=_short(error)), None
    return _read(known, trial, metric_blocks(recipe)[0].use)


def _only(name: str) -> dict[str, object]:
    """The keys of `student` for a loaded model."""
    return {"model": name, "architecture": "", "tokenizer": "", "keep": None}


def _short_tune(recipe: Recipe, name: str, rows: int, steps: int, answered: bool) -> Recipe:
    """A trial's recipe: a few steps on the text alone, measured on validation rows beside the model as it came."""
    train = recipe.train.model_copy(
        update={
            "steps": steps, "losses": [PluginBlock(use="cross_entropy")], "seeds": recipe.train.seeds[:1],
            "controls": [], "adapters": {}, "teacher": "", "teachers": {}, "on_policy": None, "pairs": None,
            "loss_schedules": {}, "validate_every": Train.model_fields["validate_every"].default,
        }
    )  # fmt: skip
    evaluate = recipe.evaluate.model_copy(
        update={"on": "validation", "against": ["baseline"], "require": {}, "rows": rows, "latency_rows": 10}
    )
    changed: dict[str, object] = {"name": name, "capture": None, "export": [], "train": train, "evaluate": evaluate}
    if not answered:
        generate = recipe.generate.model_copy(update={"source": "reference"})
        changed |= {"generate": generate, "refine": [], "repair": None, "review": None}
    return recipe.model_copy(update={key: value for key, value in changed.items() if key in type(recipe).model_fields})


def _tokens_per_word(home: Path, folder: RunFolder) -> float:
    """Tokens of this tokenizer for a word (between white space) of the tasks' own text."""
    tokenizer = load_tokenizer(home)
    texts = [task.text for task, _ in islice(read_tasks(folder), TEXTS)]
    words = sum(len(_WORDS.findall(text)) for text in texts)
    return sum(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]) / max(words, 1)


def _read(
    known: StudentCandidate, trial: RunFolder, metric: str
) -> tuple[StudentCandidate, NDArray[np.float64] | None]:
    """What the trial's report says."""
    report, answers = read_scores(trial), kept(trial.stage(REPORT), "student")
    if report is None or answers is None:
        return msgspec.structs.replace(known, note="it was not measured"), None
    student, before = report.systems["student"], report.systems.get("baseline", SystemScores())
    made = msgspec.structs.replace(
        known,
        zero_shot=_score(before.metrics.get(metric)),
        tuned=_score(student.metrics.get(metric)),
        use_bytes=(student.weights_bytes or 0) + (student.cache_bytes or 0),
        tokens_per_second=student.tokens_per_second,
        latency_ms=student.latency_ms.p50 if student.latency_ms else None,
        parameters=student.parameters,
    )
    return made, matrix(answers[0], answers[0][0].set, metric)[1]


def _score(found: MetricScore | None) -> Score | None:
    return None if found is None else Score(value=found.value, low=found.low, high=found.high, n=found.n)


def _ranked(
    found: Sequence[StudentCandidate], scores: dict[str, NDArray[np.float64]]
) -> tuple[list[StudentCandidate], str, str]:
    """The rule: of all that the rows cannot tell from the best one, the smallest."""
    measured = sorted((one for one in found if one.tuned), key=_value, reverse=True)
    others = [one for one in found if not one.tuned]
    if not measured:
        return list(found), "", "no candidate could be measured"
    best, ranked = measured[0], [measured[0]]
    for one in measured[1:]:
        behind = Bootstrap().difference(scores[best.name], scores[one.name])
        ranked.append(msgspec.structs.replace(one, behind=behind))
    if _value(best) <= 0:
        return (
            [*ranked, *others],
            "",
            "no candidate gave a right answer; give it more --steps, or a larger model",
        )
    alike = [one for one in ranked if one.behind is None or one.behind.low <= 0]
    chosen = min(alike, key=lambda one: (one.use_bytes or 0, -_value(one)))
    return [*ranked, *others], chosen.name, _why(alike, len(ranked))


def _why(alike: Sequence[StudentCandidate], count: int) -> str:
    if count == 1:
        return "nothing else was measured"
    if len(alike) == 1:
        return "it is better than every other one after the same steps, and the rows show it"
    told = ", ".join(one.name for one in alike)
    return (
        f"the rows cannot tell {told} apart (the 95% interval of their difference holds 0); it is the smallest of them"
    )


def _value(one: StudentCandidate) -> float:
    return one.tuned.value if one.tuned else -1.0


def _short(error: ImbikError) -> str:
    return " ".join(str(error.what).split())[:160]
