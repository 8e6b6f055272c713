"""What the later stages made, for a person: captured distributions, trained students, exports, answers side by side.

Enters: a run folder whose stage has run. Leaves: rows to show. Nothing here loads a model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.advise.shown import Shown, shown
from imbik.core import students
from imbik.core.files import read_json, read_lines
from imbik.core.results import Artifact
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Record, Task
from imbik.evaluate.answers import Answer
from imbik.evaluate.findings import ordered
from imbik.export.parity import Parity
from imbik.models.folder import tokenizer_hash
from imbik.models.logits import LogitStore

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VARIANTS = ("student", "text_only", "answers_only")
POSITIONS, TOKENS = 8, 5
_RIGHT = 0.5


class _Point(Record, frozen=True, kw_only=True):
    train_loss: float | None = None
    validation_loss: float | None = None


class _Training(Record, frozen=True, kw_only=True):
    """The part of training.json that is shown."""

    steps: int = 0
    kept_step: int = 0
    rows: int = 0
    tokens: int = 0
    losses: tuple[_Point, ...] = ()
    same_as: str = ""


def captured(run: RunFolder, count: int) -> list[Shown]:
    """The first `count` rows of the teacher's logits; of the first one its likeliest tokens, position by position."""
    store = LogitStore.open(run.stage("5_logits"))
    tokens = _tokenizer(run, store.settings.tokenizer_hash)
    from imbik.capture.drawing import QUALITY, Quality

    path = run.stage("5_logits") / QUALITY
    told = str(read_json(path, Quality)) if path.exists() else ""
    found = [shown("captured", store.settings.form, {"kept": told})] if told else []
    first = len(found)
    for row in islice(store.rows(), count):
        ids, logprobs = store.row(row, store.token_hash(row))
        what = "tokens drawn at most" if store.sampled else "tokens"
        texts = {"captured": f"{ids.shape[1]} {what} at each of {len(ids)} positions"}
        if len(found) == first and not store.sampled:
            likely = zip(ids[:POSITIONS, :TOKENS].tolist(), logprobs[:POSITIONS, :TOKENS].tolist(), strict=True)
            texts |= {
                f"position {number}": ", ".join(
                    f"{_token(tokens, token)} {math.exp(value):.1%}" for token, value in zip(*place, strict=True)
                )
                for number, place in enumerate(likely, start=1)
            }
        found.append(shown(row, "captured", texts))
    return found


def trained(run: RunFolder) -> list[Shown]:
    """Every variant and seed with its steps and losses (nats a learned token)."""
    found = []
    for variant in (*VARIANTS, *map(students.variant_of, students.adapters(run))):
        for seed in students.seeds(run, variant):
            path = students.trained(run, variant, seed) / "training.json"
            if path.exists():
                found.append(shown(f"{variant} seed {seed}", "trained", _course(read_json(path, _Training))))
    return found


def exported(run: RunFolder) -> list[Shown]:
    """Every artifact with its size, hash and how far it is from the student."""
    manifest = run.manifest("7_export")
    return [_artifact(run, artifact) for artifact in manifest.artifacts] if manifest else []


def answered(run: RunFolder, count: int) -> list[Shown]:
    """`count` held-out rows with the known answer and every system's, those that the student got wrong first."""
    files = {path.stem.replace("export_", "export:", 1): path for path in _answer_files(run)}
    if not files or not count:
        return []
    names = ordered(list(files))
    first = "student" if "student" in files else names[0]
    own = _answers(run, files[first])
    chosen = sorted(own.values(), key=lambda answer: _score(answer) >= _RIGHT)[:count]
    answers = {name: own if name == first else _answers(run, files[name]) for name in names}
    tasks = _tasks(run, {answer.id for answer in chosen})
    return [_side_by_side(answer, tasks.get(answer.id), answers) for answer in chosen]


def _course(training: _Training) -> dict[str, str]:
    """Steps, losses and rows of one training, in words."""
    last = training.losses[-1] if training.losses else _Point()
    losses = [("training", last.train_loss), ("validation", last.validation_loss)]
    kept = f", kept: step {training.kept_step}" if training.kept_step else ""
    return {
        "steps": f"{training.steps:,}{kept}",
        "last losses": ", ".join(f"{name} {value:.4f}" for name, value in losses if value is not None),
        "rows": f"{training.rows:,} ({training.tokens:,} tokens passed)" if training.rows else "",
        "same as": training.same_as,
    }


def _artifact(run: RunFolder, artifact: Artifact) -> Shown:
    folder = run.path / artifact.path
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    texts = {"path": str(folder), "size": f"{size:,} bytes", "sha256": artifact.sha256}
    if (folder / "parity.json").exists():
        parity = read_json(folder / "parity.json", Parity)
        texts["parity"] = (
            f"largest deviation {parity.deviation:.2e} (up to {parity.tolerance:.0e} is let pass), the same first "
            f"token at {parity.same_first:.1%} of {parity.positions:,} positions"
        )
    return shown(artifact.format, artifact.sensitivity.value, texts)


def _answer_files(run: RunFolder) -> list[Path]:
    """Answers of the systems that are whole."""
    return [path for path in (run.stage("8_report") / "answers").glob("*.jsonl") if path.with_suffix(".json").exists()]


def _answers(run: RunFolder, path: Path) -> dict[str, Answer]:
    """A system's answers by row: of the best seed where it was trained, else of the first there is."""
    rows = list(read_lines(path, Answer))
    seeds = {answer.seed for answer in rows}
    best = students.best_seed(run)
    seed = best if best in seeds else min(seeds, default=0)
    return {answer.id: answer for answer in rows if answer.seed == seed}


def _score(answer: Answer) -> float:
    """The first metric's score; a row that is not scored counts as right, so that wrong ones come first."""
    return next(iter(answer.scores.values()), 1.0)


def _tasks(run: RunFolder, wanted: set[str]) -> dict[str, Task]:
    return {task.id: task for task in read_parts(run.stage("1_tasks"), Task) if task.id in wanted}


def _side_by_side(own: Answer, task: Task | None, answers: Mapping[str, Mapping[str, Answer]]) -> Shown:
    mark = "not scored" if not own.scores else "right" if _score(own) >= _RIGHT else "wrong"
    texts = {"asked": task.messages[-1].content if task and task.messages else ""}
    texts |= {"known answer": task.reference.text if task and task.reference else ""}
    texts |= {name: _said(rows[own.id]) for name, rows in answers.items() if own.id in rows}
    return shown(own.id, f"{own.set} {mark}", texts)


def _said(answer: Answer) -> str:
    if not answer.asked:
        return f"not asked: {answer.reason or answer.outcome.value}"
    wrong = " (wrong)" if answer.scores and _score(answer) < _RIGHT else ""
    return f"{answer.answer or answer.text or f'nothing ({answer.outcome.value})'}{wrong}"


def _tokenizer(run: RunFolder, wanted: str) -> Tokenizer | None:
    """The student's tokenizer where it is here already and is the one the logits were captured with."""
    from tokenizers import Tokenizer

    if not (run.stage(students.FOLDER) / "best.json").exists():
        return None
    weights = students.best_weights(run)
    return Tokenizer.from_file(str(weights / "tokenizer.json")) if tokenizer_hash(weights) == wanted else None


def _token(tokens: Tokenizer | None, token: int) -> str:
    """A token's text, in quotes so that spaces are seen; its number where no tokenizer is here yet."""
    if tokens is None:
        return f"token {token}"
    return repr(tokens.decode([token], skip_special_tokens=False) or tokens.id_to_token(token) or token)
