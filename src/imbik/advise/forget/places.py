"""Where the text of a row can lie in a run folder, file by file, and what an erasure does with each.

Enters: a run folder. Leaves: every file in it with its place. A file that no line here names is treated as unknown:
JSON is redacted, anything else is only looked at by the sweep. `tests/advise/forget/test_places.py` runs a recipe and
fails when a stage writes a file that no line names.

Outside of the run folder: the answer store and the crash logs beside it, which `work` cleans; the seed files, caches of
data sets of a hub, what `imbik predict` wrote where a person asked for it, and exports of data that lie elsewhere,
which are named, not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from imbik.core.runfolder import TRIALS

OLD = "old"


class How(StrEnum):
    """What an erasure does with a file."""

    TASKS = "tasks taken out, leaves stay"
    SAMPLES = "samples taken out, leaves stay"
    TURNED_AWAY = "samples taken out"
    IDS = "lines of erased rows taken out"
    ANSWERS = "answers taken out, leaves stay"
    LOGITS = "rows taken out, leaves stay"
    REVIEWS = "verdicts taken out of the database"
    REPORT = "written again without the rows"
    MANIFEST = "says how many rows were erased"
    REDACT = "strings that name the person replaced"
    WEIGHTS = "cannot be cleaned: trained again"
    TOKENIZER = "cannot be cleaned: looked through for pieces of the name"
    RECIPE = "the user's own: named, not changed"
    EXPORT = "removed whole where it holds an erased row"
    KEYED = "holds keyed ids and hashes only"
    SCRAP = "left by a killed process: removed"
    UNKNOWN = "unknown: looked at by the sweep"


_SAMPLES = ("2_answers", "3_refined", "4_reviewed")
_TURNED_AWAY = ("rejected", "pending", "repairs", ".round", ".pass", ".kept")
PLACES: tuple[tuple[str, How], ...] = (
    ("*.tmp", How.SCRAP),
    ("*.tmp/*", How.SCRAP),
    ("*/tombstones.jsonl", How.KEYED),
    ("*/erased.json", How.KEYED),
    ("*/.begun.json", How.KEYED),
    ("data/*", How.EXPORT),
    ("exports.jsonl", How.REDACT),
    ("?_*/manifest.json", How.MANIFEST),
    ("1_tasks/part-*.jsonl", How.TASKS),
    ("1_tasks/splits.jsonl", How.IDS),
    ("1_tasks/quarantine.jsonl", How.REDACT),
    ("1_tasks/likeness.json", How.REDACT),
    ("1_tasks/labels.json", How.REDACT),
    ("1_tasks/growth.json", How.REDACT),
    ("1_tasks/refused.jsonl", How.REDACT),
    ("1_tasks/.grow/*", How.SCRAP),  # rounds of growing that was not finished: made again from the answer store
    *((f"{folder}/part-*.jsonl", How.SAMPLES) for folder in _SAMPLES),
    *((f"{folder}/{name}-*.jsonl", How.TURNED_AWAY) for folder in _SAMPLES for name in _TURNED_AWAY),
    ("3_refined/.asked-*.jsonl", How.SCRAP),
    ("3_refined/checks.json", How.KEYED),
    ("4_reviewed/shown.jsonl", How.IDS),
    ("5_logits/shard-*", How.LOGITS),
    ("5_logits/logits.json", How.REDACT),
    ("5_logits/quality.json", How.KEYED),
    ("6_student/rejected.jsonl", How.IDS),
    ("*/tokenizer.json", How.TOKENIZER),
    ("*/tokenizer_config.json", How.TOKENIZER),
    ("*/special_tokens_map.json", How.TOKENIZER),
    ("*/added_tokens.json", How.TOKENIZER),
    ("tokenizer/*", How.TOKENIZER),
    ("6_student/*", How.WEIGHTS),
    ("7_export/*", How.WEIGHTS),
    ("8_report/answers/*.jsonl", How.ANSWERS),
    ("8_report/answers/*.json", How.REDACT),
    ("8_report/scores.json", How.REDACT),
    ("8_report/findings.json", How.REPORT),
    ("8_report/report.*", How.REPORT),
    ("reviews.sqlite*", How.REVIEWS),
    ("reviewers.json", How.REDACT),
    ("recipe.yaml", How.RECIPE),
    ("audit.jsonl", How.KEYED),
    (".audit.*", How.KEYED),
    ("events.jsonl", How.REDACT),
    ("pilot.json", How.REDACT),
    ("auditions/*.json", How.REDACT),
    ("comparisons/*.json", How.KEYED),
    ("anchors.jsonl", How.KEYED),
    ("declassified.jsonl", How.KEYED),
    ("ages.jsonl", How.IDS),
    ("receipts/*", How.KEYED),
    (".imbik", How.KEYED),
    (".lock", How.KEYED),
    (".forgetting.json", How.KEYED),
)


@dataclass(frozen=True)
class Found:
    """A file, the stage folder it lies in (that of `old/` where it was replaced), and what becomes of it."""

    path: Path
    stage: Path
    how: How


def files_of(run: Path) -> Iterator[Found]:
    """Every file of a run; those of its trials belong to runs of their own. Links are not followed."""
    for path in sorted(run.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        parts = path.relative_to(run).parts
        if parts[0] == TRIALS:
            continue
        replaced = parts[0] == OLD and len(parts) > 2
        stage = run / OLD / parts[1] if replaced else run / parts[0]
        inner = (parts[1].partition("-")[0], *parts[2:]) if replaced else parts
        yield Found(path, stage, how_of("/".join(inner)))


def how_of(place: str) -> How:
    """What becomes of a file at this path below a run folder."""
    return next((how for pattern, how in PLACES if fnmatchcase(place, pattern)), How.UNKNOWN)
