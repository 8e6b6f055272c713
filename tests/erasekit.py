"""A run with a person in it, made without training: every kind of file that an erasure touches, and a store."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np

from imbik.ask.answers import AnswerStore, Stored
from imbik.ask.key import question_key
from imbik.core.files import write_json, write_lines, write_text
from imbik.core.lineage import leaf, merkle_root, sample_leaf
from imbik.core.results import Books
from imbik.core.runfolder import Manifest, RunFolder, write_parts
from imbik.core.types import Completion, Sample, Sensitivity, Source, Task, Verdict
from imbik.evaluate.answers import Answer, Ran
from imbik.evaluate.scores import Scores, SystemScores, write_scores
from imbik.models.logit_writer import LogitWriter
from imbik.models.logits import LogitRow, LogitSettings
from imbik.recipe import load_recipe, to_yaml
from imbik.review.content import content_key
from imbik.review.store import ExpertVerdict, add_verdicts, close
from imbik.tasks.questions import question_of
from imbik.tasks.read import kind_of
from imbik.tasks.split import Assignment
from stagekit import make_sample, make_task

PERSON = "Ayşe Yılmaz"
HER_ROWS = ("t03", "t07", "t18")
RECIPE = """
name: {name}
tasks: {{source: rows.jsonl, kind: qa, sensitivity: internal}}
teachers: {{t: {{use: openai, model: m, base_url: "http://127.0.0.1:9/v1"}}}}
generate: {{max_tokens: 64, samples: 2}}
student: {{architecture: llama}}
"""
TEXTS = {
    "t03": "Ben Ayşe Yılmaz, kartım nerede?",
    "t07": "AYŞE YILMAZ'ın siparişi gelmedi",
    "t18": "ayse yilmaz hakkında bilgi",
}
WORDS = "Sipariş yolda, yarın gelir"


def tasks() -> list[Task]:
    """Twenty tasks, three of them hers."""
    made = []
    for number in range(20):
        name = f"t{number:02d}"
        source = Source(file="rows.jsonl", line=number + 1)
        task = make_task(name, TEXTS.get(name, f"{number}. sipariş nerede?"), None, source=source)
        made.append(msgspec.structs.replace(task, kind="qa", sensitivity=Sensitivity.INTERNAL))
    return made


def set_of(task: Task) -> str:
    """The last four are held out; t18 is one of them."""
    number = int(task.id[1:])
    return "test" if number >= 16 else "validation" if number >= 14 else "train"


def samples(rows: Sequence[Task]) -> list[Sample]:
    """Two answers a task; one answer to somebody else's row names her."""
    made = []
    for task in rows:
        if set_of(task) == "test":
            continue
        for number in range(2):
            told = f"{WORDS} {task.id}.{number}" + (", Ayşe Yılmaz'a sorun" if (task.id, number) == ("t05", 1) else "")
            completion = Completion(answer=told)
            made.append(make_sample(task, number, told, "", completion=completion, sensitivity=Sensitivity.INTERNAL))
    return made


def finish(run: RunFolder, stage: str, folder: str, leaves: Sequence[str], rows: int, finished: str = "") -> None:
    """A manifest with a real root."""
    manifest = Manifest(
        stage=stage, version=1, hash="h", inputs={}, root=merkle_root(leaves), books=Books(rows_in=rows, rows_out=rows),
        sensitivity=Sensitivity.INTERNAL, seconds=0.0, imbik="0", finished=finished or "2026-01-01T00:00:00+00:00",
        warnings=("bir uyarı: Ayşe Yılmaz",) if stage == "tasks" else (),
    )  # fmt: skip
    run.finish(folder, manifest)


def lay(runs: Path, name: str = "destek", finished: str = "") -> RunFolder:
    """A run of all stages but training, with its rows, answers, verdicts, logits and a report's answers."""
    runs.mkdir(parents=True, exist_ok=True)
    (runs / "rows.jsonl").write_text('{"question": "x"}\n')
    write_text(runs / f"{name}.yaml", RECIPE.format(name=name))
    recipe = load_recipe(runs / f"{name}.yaml")
    run = RunFolder(runs / name)
    run.create()
    write_text(run.path / "recipe.yaml", to_yaml(recipe))
    rows = tasks()
    folder = run.begin("1_tasks", "h")
    write_parts(folder, iter(rows))
    write_lines(folder / "splits.jsonl", [Assignment(id=task.id, set=set_of(task)) for task in rows])
    write_lines(folder / "quarantine.jsonl", [{"file": "rows.jsonl", "line": 99, "reason": "x", "detail": PERSON}])
    leaves = [leaf(task.id, {"task": task, "set": set_of(task)}) for task in rows]
    finish(run, "tasks", "1_tasks", leaves, len(rows), finished)
    made = samples(rows)
    for stage, place in (("generate", "2_answers"), ("refine", "3_refined")):
        write_parts(run.begin(place, "h"), iter(made))
        finish(run, stage, place, [sample_leaf(sample) for sample in made], len(made))
    refused = msgspec.structs.replace(made[6], verdicts=(Verdict(by="shape", keep=False),))
    write_lines(run.stage("3_refined") / "rejected-00000.jsonl", [refused, made[1]])
    _logits(run, made)
    _answers(run, [task for task in rows if set_of(task) == "test"])
    _verdicts(run, made)
    with (run.path / "events.jsonl").open("w") as stream:
        stream.write('{"event":"say","text":"merhaba"}\n{"event":"say","text":"Ay\\u015fe Y\\u0131lmaz"}\n')
    _store(run, rows, made)
    return run


def keys_of(run: RunFolder, rows: Sequence[Task]) -> dict[tuple[str, int], bytes]:
    """The store's key of each (task, sample)."""
    recipe = load_recipe(run.path / "recipe.yaml")
    kind, found = kind_of(recipe, run), {}
    for task in rows:
        for number in range(2):
            question = question_of(recipe, kind, "t", task, number)
            found[task.id, number] = question_key(identity(recipe.base), question, local=False)
    return found


def identity(base: Path) -> str:
    """The teacher's own."""
    from imbik.core.plugins import load_plugin, typed_settings
    from imbik.teachers import TeacherContext

    recipe = load_recipe(base / "recipe.yaml")
    block = recipe.teachers["t"]
    context = TeacherContext(name="t", base=recipe.base, runs=base.parent)
    return str(load_plugin("teachers", block.use)(typed_settings("teachers", block), context).identity)


def stored_keys(path: Path) -> set[bytes]:
    """Keys that the store holds."""
    with closing(sqlite3.connect(path)) as base:
        return {bytes(key) for (key,) in base.execute("SELECT key FROM answers")}


def _store(run: RunFolder, rows: Sequence[Task], made: Sequence[Sample]) -> None:
    keys, store, teacher = keys_of(run, rows), AnswerStore(run.store), identity(run.path)
    for sample in made:
        body = msgspec.json.encode({"choices": [{"message": {"content": sample.completion.answer}}]})
        stored = Stored("http", body, 64, 0.1)
        store.submit(store.put(keys[sample.task.id, sample.number], teacher, stored, Sensitivity.INTERNAL)).result()
    store.close()


def _logits(run: RunFolder, made: Sequence[Sample]) -> None:
    folder = run.begin("5_logits", "h")
    writer = LogitWriter(folder, LogitSettings(teacher="t", tokenizer_hash="x", top_k=2))
    rows = [LogitRow(s.id, f"h{n}", _array(n, "u4"), _array(n, "f4")) for n, s in enumerate(made)]
    writer.append(rows[:15])
    writer.append(rows[15:])
    from imbik.advise.forget.logits import captured_leaf
    from imbik.models.logits import LogitStore

    store = LogitStore.open(folder)
    finish(run, "capture", "5_logits", [captured_leaf(store, row.row) for row in rows], len(rows))


def _array(number: int, kind: str) -> np.ndarray:  # type: ignore[type-arg]
    return (np.arange((number % 4 + 1) * 2).reshape(-1, 2) + 100 * number).astype(kind)


def _answers(run: RunFolder, rows: Sequence[Task]) -> None:
    folder = run.begin("8_report", "h")
    leaves = []
    for system in ("teacher", "student", "export:safetensors"):
        answers = [Answer(id=task.id, set="test", answer=f"{system} der ki {task.id}") for task in rows]
        path = folder / "answers" / f"{system.replace(':', '_')}.jsonl"
        write_lines(path, answers)
        write_json(path.with_suffix(".json"), Ran(cost_to_run=SystemScores(), sensitivity=Sensitivity.INTERNAL))
        leaves += [leaf(f"{system}#{item.seed}#{item.id}", item.answer) for item in answers]
    write_scores(folder / "scores.json", Scores(systems=dict.fromkeys(("teacher", "student"), SystemScores())))
    finish(run, "evaluate", "8_report", leaves, len(leaves))


def _verdicts(run: RunFolder, made: Sequence[Sample]) -> None:
    def verdict(sample: Sample, by: str, reason: str = "") -> ExpertVerdict:
        return ExpertVerdict(
            content=content_key(sample), verdict=Verdict(by=by, keep=True, reason=reason), row=sample.id
        )

    add_verdicts(run, [verdict(made[6], "uzman"), verdict(made[0], "uzman"), verdict(made[2], PERSON)])
    add_verdicts(run, [verdict(made[4], "uzman", f"{PERSON} bunu sormuş")])
    close(run)


def aged(days: float) -> str:
    """A moment so many days ago, as manifests write it."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time.time() - days * 86_400, UTC).isoformat(timespec="seconds")
