"""A run whose refine stage is finished, for exports: conversations, reasoning, several sets, levels and rejections."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from imbik.core.files import write_lines
from imbik.core.results import Books
from imbik.core.runfolder import Manifest, RunFolder, write_parts
from imbik.core.types import Message, Sample, Sensitivity, Task, TextReference, Verdict
from imbik.exchange.exporting import Done, Order, export
from imbik.exchange.rows import Wanted
from imbik.recipe import load_recipe, to_yaml
from imbik.tasks.split import Assignment
from stagekit import make_sample, make_task

RECIPE = """
name: destek
tasks: {{source: rows.jsonl, kind: {kind}, sensitivity: {level}, turns: {turns}}}
teachers: {{t: {{use: openai, model: gpt-4o, base_url: "https://api.openai.com/v1"}}}}
accept_terms: [openai]
refine: [shape, {{use: answer}}, duplicates]
student: {{architecture: llama}}
{extra}
"""
SECRET = "Ayşe Yılmaz"


def turns(*texts: str) -> tuple[Message, ...]:
    """Turns of user and assistant, a user's first; one that begins with `!` is the system's."""
    made, roles = [], ("user", "assistant")
    for text in texts:
        role = "system" if text.startswith("!") else roles[sum(m.role != "system" for m in made) % 2]
        made.append(Message(role=role, content=text.removeprefix("!")))  # type: ignore[arg-type]
    return tuple(made)


def talk(name: str, *texts: str, **more: Any) -> Task:
    """A task of the kind conversation."""
    task = make_task(name, "x", None, **more)
    return msgspec.structs.replace(task, kind="conversation", messages=turns(*texts))


def held_out(name: str, known: str | None) -> Task:
    """A held-out task, with a known answer or without."""
    task = make_task(name, f"{name}: kaç gün?", None)
    return msgspec.structs.replace(task, reference=TextReference(text=known) if known else None, kind="conversation")


def turned_away(sample: Sample, by: str, reason: str) -> Sample:
    """A rejected sample."""
    return msgspec.structs.replace(sample, verdicts=(Verdict(by=by, keep=False, reason=reason),))


def lay(
    folder: Path,
    kept: Sequence[Sample],
    *,
    tasks: Sequence[tuple[Task, str]] = (),
    rejected: Sequence[Sequence[Sample]] = (),
    reviewed: Sequence[Sample] | None = None,
    kind: str = "conversation",
    turns: str = "all",
    level: str = "internal",
    extra: str = "",
) -> RunFolder:
    """A run with these samples; tasks that are not named are training tasks."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.jsonl").write_text('{"question": "x"}\n')
    text = RECIPE.format(kind=kind, turns=turns, extra=extra, level=level)
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    run = RunFolder(folder / "runs" / "destek")
    run.create()
    (run.path / "recipe.yaml").write_text(to_yaml(load_recipe(folder / "recipe.yaml")), encoding="utf-8")
    named = {task.id for task, _ in tasks}
    answered = {sample.task.id: sample.task for sample in (*kept, *(item for file in rejected for item in file))}
    every = [*((task, "train") for name, task in answered.items() if name not in named), *tasks]
    write_parts(run.begin("1_tasks", "h"), iter([task for task, _ in every]))
    write_lines(run.stage("1_tasks") / "splits.jsonl", [Assignment(id=task.id, set=name) for task, name in every])
    finish(run, "tasks", "1_tasks", len(every))
    order = [task.id for task, _ in every]
    both = sorted([*kept, *(item for file in rejected for item in file)], key=lambda item: order.index(item.task.id))
    write_parts(run.begin("2_answers", "h"), iter(both))
    finish(run, "generate", "2_answers", len(both))
    write_parts(run.begin("3_refined", "h"), iter(kept))
    for number, file in enumerate(rejected):
        write_lines(run.stage("3_refined") / f"rejected-{number:05d}.jsonl", file)
    finish(run, "refine", "3_refined", len(kept), rejected=len(both) - len(kept))
    if reviewed is not None:
        write_parts(run.begin("4_reviewed", "h"), iter(reviewed))
        finish(run, "review", "4_reviewed", len(reviewed))
    return run


def finish(run: RunFolder, stage: str, folder: str, rows: int, rejected: int = 0) -> None:
    """A manifest whose books balance."""
    books = Books(rows_in=rows + rejected, rows_out=rows, rejected=rejected)
    run.finish(
        folder,
        Manifest(
            stage=stage, version=1, hash="h", inputs={}, root="r", books=books, sensitivity=Sensitivity.INTERNAL,
            seconds=0.0, imbik="0", finished="2026-01-01T00:00:00+00:00",
        ),
    )  # fmt: skip


def small(folder: Path, **more: Any) -> RunFolder:
    """Two conversations and a held-out row: a system turn, several turns, reasoning, Turkish letters."""
    first = talk("t1", "!Kısa yaz.", "İade süresi kaç gün?", "14 gün.", "Işık için de mi?", category="iade")
    second = talk("t2", "Çağrı ücreti ne kadar?")
    kept = [
        make_sample(first, 0, "Evet, 14 gün.", "Yasa ayrım yapmaz."),
        make_sample(second, 0, "Dakikası 2,5 TL.", ""),
    ]
    tasks = [(second, "validation"), (held_out("t8", "30"), "test"), (held_out("t9", None), "test")]
    return lay(folder, kept, tasks=tasks, **more)


def made(run: RunFolder, form: str, *, wanted: Wanted | None = None, **more: Any) -> tuple[Path, Done]:
    """An export inside the run, and what was told of it."""
    done = export(run, Order(form, wanted=wanted or Wanted(), **more))
    return run.path / "data" / form, done


def lines(path: Path) -> list[Any]:
    """A file of JSON lines, read by the standard library as other tools do."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def texts(value: Any) -> Iterator[str]:
    """Every text in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, Iterable):
        for item in value:
            yield from texts(item)
