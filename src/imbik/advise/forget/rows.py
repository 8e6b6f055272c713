"""Taking rows out of a stage's files: JSON lines rewritten without them, their leaves buried first.

Enters: a file and what is erased. Leaves: the file without those lines, whole or as it was; `tombstones.jsonl` of the
stage; counts. A file in which nothing is found is not touched. Lines that stay keep their very bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from imbik.advise.forget.erasing import Erasing, pseudonym
from imbik.core.files import atomic_writer, decode_line, read_json, read_lines, write_json
from imbik.core.lineage import leaf, sample_leaf
from imbik.core.runfolder import Manifest
from imbik.core.tombstones import LEARNED, bury, learned_erased, tombstones
from imbik.core.types import Sample, Task
from imbik.evaluate.answers import Answer, file_of
from imbik.tasks.split import Assignment

R = TypeVar("R", bound=msgspec.Struct)


def erase_tasks(path: Path, erasing: Erasing) -> None:
    """A part of `1_tasks`."""
    splits = path.parent / "splits.jsonl"
    sets = {item.id: item.set for item in read_lines(splits, Assignment)} if splits.exists() else {}
    gone = [task for task in read_lines(path, Task) if erasing.task(task)]
    bury(path.parent, (leaf(task.id, {"task": task, "set": sets.get(task.id, "")}) for task in gone), erasing.receipt)
    erasing.counts["tasks"] += _without(path, Task, erasing.task)


def erase_samples(path: Path, erasing: Erasing, *, kept: bool) -> None:
    """A file of samples; those that the stage passed on (`kept`) leave a tombstone. Experts who are erased get another
    name: what they judged is not about them."""
    if kept:
        gone = (sample for sample in read_lines(path, Sample) if erasing.sample(sample))
        bury(path.parent, map(sample_leaf, gone), erasing.receipt)
    what = f"samples in {path.parent.name.partition('-')[0]}"
    erasing.counts[what] += _without(path, Sample, erasing.sample, lambda sample: _renamed(sample, erasing))


def erase_ids(path: Path, erasing: Erasing) -> None:
    """Lines that say something of a row by its id: its set, that it was shown, that it was too long."""
    _without_raw(path, lambda line: erasing.row(str(line.get("id") or line.get("row") or "")))


def erase_answers(path: Path, erasing: Erasing) -> None:
    """One system's answers to held-out rows. Where an evaluation is not finished, a system that lost an answer to a row
    that stays is asked again."""

    def gone(answer: Answer) -> bool:
        texts = (answer.answer, answer.reasoning, answer.text, answer.reason)
        return answer.id in erasing.tasks or any(map(erasing.person.in_text, texts))

    stage, system = path.parent.parent, system_of(path)
    lost = [answer for answer in read_lines(path, Answer) if gone(answer)]
    bury(stage, (leaf(f"{system}#{item.seed}#{item.id}", item.answer) for item in lost), erasing.receipt)
    if not (stage / "manifest.json").exists() and any(item.id not in erasing.tasks for item in lost):
        file_of(stage, system).with_suffix(".json").unlink(missing_ok=True)
    erasing.counts["answers in 8_report"] += _without(path, Answer, gone)


def system_of(path: Path) -> str:
    """The system whose answers a file holds: as scores.json names it, else read from the file's name."""
    scores = path.parent.parent / "scores.json"
    names = _loose(scores.read_bytes()).get("systems", {}) if scores.exists() else {}
    known = {file_of(path.parent.parent, name).name: name for name in names}
    return known.get(path.name) or re.sub(r"^(export|teacher)_", r"\1:", path.stem)


def redact_file(path: Path, erasing: Erasing) -> None:
    """A file of JSON, or of JSON lines, with every string that names the person replaced; a damaged line goes."""
    if path.suffix != ".jsonl":
        content, found = erasing.redacted(_loose(path.read_bytes()))
        if found:
            _write_like(path, content)
        erasing.counts["strings elsewhere"] += found
        return
    lines, found = list[bytes](), 0
    for line in path.read_bytes().splitlines():
        content, here = erasing.redacted(_loose(line))
        found += here
        lines.append(msgspec.json.encode(content) if here else line)
    if found:
        with atomic_writer(path) as stream:
            stream.writelines(line + b"\n" for line in lines)
    erasing.counts["strings elsewhere"] += found


def mark_manifest(path: Path, erasing: Erasing) -> None:
    """Say in a manifest how many rows of the stage were erased since it was made; root and books stay as they were.

    Of a student, and of what was made of it, it is how many it had learned.
    """
    manifest = read_json(path, Manifest)
    content, _ = erasing.redacted(msgspec.to_builtins(manifest))
    students = path.parent.with_name(path.parent.name.replace("7_export", "6_student"))
    learned = max((learned_erased(item.parent) for item in students.glob(f"*/seed-*/{LEARNED}")), default=0)
    erased = learned if manifest.stage in {"train", "export"} else len(tombstones(path.parent))
    changed = msgspec.structs.replace(msgspec.convert(content, Manifest), erased=erased)
    if changed != manifest:
        write_json(path, changed)


def _renamed(sample: Sample, erasing: Erasing) -> Sample:
    if not any(erasing.person.in_text(verdict.by) for verdict in sample.verdicts):
        return sample
    verdicts = tuple(
        msgspec.structs.replace(verdict, by=pseudonym(verdict.by, erasing.receipt))
        if erasing.person.in_text(verdict.by)
        else verdict
        for verdict in sample.verdicts
    )
    return msgspec.structs.replace(sample, verdicts=verdicts)


def _without(path: Path, kind: type[R], gone: Callable[[R], bool], change: Callable[[R], R] | None = None) -> int:
    """Rewrite a file of records without those that go; returns how many went."""
    decoder, lines, lost, changed = msgspec.json.Decoder(kind), list[bytes](), 0, False
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            record = decode_line(decoder.decode, line, f"{path}:{number}")
            if gone(record):
                lost += 1
                continue
            other = change(record) if change else record
            changed |= other is not record
            lines.append(line if other is record else msgspec.json.encode(other) + b"\n")
    if lost or changed:
        with atomic_writer(path) as out:
            out.writelines(lines)
    return lost


def _without_raw(path: Path, gone: Callable[[dict[str, Any]], bool]) -> int:
    """The same for small files of any records."""
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not (isinstance(found := _loose(line), dict) and gone(found))]
    if len(kept) < len(lines):
        with atomic_writer(path) as out:
            out.writelines(kept)
    return len(lines) - len(kept)


def _loose(data: bytes) -> Any:
    """A JSON value, or the text itself where it is none."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return data.decode(errors="replace")


def _write_like(path: Path, content: Any) -> None:
    if isinstance(content, str):
        path.unlink()
    else:
        write_json(path, content)
