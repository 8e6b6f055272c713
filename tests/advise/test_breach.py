"""The list for the 72-hour notice: rows, endpoints and times, named where the run can still name them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from audit_chains import EXTERNAL, decision, rewritten, write_chain
from imbik.advise.breach import COLUMNS, Listed, breach, span, summary, table_rows, write_csv
from imbik.core.errors import RunFolderError, UsageError
from imbik.core.files import write_lines
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Source, Task
from imbik.privacy.anchor import add, head_to_sign, sign
from imbik.privacy.chain import read_audit
from imbik.privacy.signing import new_key

OTHER = "https://llm.yerli.com.tr:443"
EVER = "2020-01-01T00:00+03:00"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run with three tasks, two of which left."""
    folder = RunFolder(tmp_path / "destek")
    folder.create()
    tasks = [
        Task(
            id=name,
            kind="qa",
            messages=(Message(role="user", content=f"gizli içerik {name}"),),
            source=Source(file="şikâyetler.csv", line=number),
        )
        for number, name in enumerate(("a", "b", "=c"), start=2)
    ]
    (folder.path / "1_tasks").mkdir()
    write_lines(folder.path / "1_tasks" / "part-00000.jsonl", tasks)
    write_chain(
        folder.path,
        decision(rows=("a", "=c")),
        decision(rows=("a",), purpose="evaluation"),
        decision(place=OTHER, rows=("=c",), level="confidential", cleaned="redacted", reason="contract: x"),
        decision("blocked", rows=("b",), level="special"),
        decision("stored", rows=("b",)),
        decision(place="http://10.0.0.1:8000", rows=("b",), reason="local: oda"),
        decision(place="in_process", rows=("b",)),
    )
    return folder


def cells(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def test_only_what_left_is_listed_and_named(run: RunFolder, tmp_path: Path) -> None:
    found = breach(run, span(EVER))
    assert [(row[0], row[3]) for row in table_rows(found)] == [(EXTERNAL, "2 rows"), (OTHER, "1 row")]
    assert write_csv(found, tmp_path / "ihlal.csv") == 4
    lines = cells(tmp_path / "ihlal.csv")
    assert tuple(lines[0]) == COLUMNS
    assert [(line["row"], line["file"], line["line"]) for line in lines] == [
        ("a", "şikâyetler.csv", "2"),
        ("'=c", "şikâyetler.csv", "4"),
        ("a", "şikâyetler.csv", "2"),
        ("'=c", "şikâyetler.csv", "4"),
    ]
    assert lines[3]["cleaned"] == "redacted"
    assert lines[2]["purpose"] == "evaluation"
    assert lines[0]["time"].endswith("+00:00")
    assert (tmp_path / "ihlal.csv").stat().st_mode & 0o777 == 0o600
    assert "gizli içerik" not in (tmp_path / "ihlal.csv").read_text(encoding="utf-8")


def test_rows_of_an_earlier_batch_are_listed_under_the_time_at_which_they_left(run: RunFolder, tmp_path: Path) -> None:
    left = "2026-01-05T08:00:00.000+00:00"
    write_chain(run.path, decision("collected", rows=("a", "b"), address="", left=left))
    found = breach(run, span("2026-01-05T00:00+00:00", "2026-01-06T00:00+00:00"))
    assert write_csv(found, tmp_path / "ihlal.csv") == 1  # `a` left by a line of its own
    (line,) = cells(tmp_path / "ihlal.csv")
    assert (line["row"], line["endpoint"], line["time"]) == ("b", EXTERNAL, left)
    assert "1 row left for 1 endpoint" in next(summary(found))
    total = next(row for row in table_rows(breach(run, span(EVER))) if row[0] == EXTERNAL)
    assert (total[3], total[4]) == ("3 rows", left)
    assert not breach(run, span("2026-02-01", "2026-02-02")).sent


def test_the_summary(run: RunFolder) -> None:
    said = list(summary(breach(run, span(EVER))))
    assert said[0].startswith("destek: 2 rows left for 2 endpoints between 2020-01-01T00:00:00+03:00 and ")
    assert "unbroken" in said[0]
    assert said[-1].startswith("not in any log")


def test_an_export_is_no_row(run: RunFolder, tmp_path: Path) -> None:
    hub = "https://huggingface.co:443"
    write_chain(run.path, decision(place=hub, rows=("7_export/safetensors",), level="confidential", purpose="push"))
    found = breach(run, span(EVER))
    assert next(iter(summary(found))).startswith("destek: 2 rows and 1 export of the student left for 3 endpoints ")
    assert (hub, "confidential", "", "1 export") in [row[:4] for row in table_rows(found)]
    assert not found.unnamed, "an export belongs to no task"
    assert [line["purpose"] for line in cells_of(found, tmp_path)][-1] == "push"
    alone = breach(run, span(EVER), "huggingface")
    assert next(iter(summary(alone))).startswith("destek: 1 export of the student left for 1 endpoint ")


def cells_of(found: Listed, folder: Path) -> list[dict[str, str]]:
    write_csv(found, folder / "hepsi.csv")
    return cells(folder / "hepsi.csv")


def test_an_endpoint_and_a_span(run: RunFolder) -> None:
    assert {sent.endpoint for sent in breach(run, span(EVER), "yerli").sent} == {OTHER}
    times = [line.time for line in read_audit(run.path / "audit.jsonl")]
    assert len(breach(run, span(times[0], times[-1])).sent) == 4
    earlier = breach(run, span(EVER, "2021-01-01"))
    assert earlier.sent == []
    assert "no row left" in next(iter(summary(earlier)))


def test_a_zone_is_respected(run: RunFolder) -> None:
    assert span("2026-11-24T14:00+03:00").since == span("2026-11-24T11:00+00:00").since
    assert span("2026-11-24").since.tzinfo is not None


@pytest.mark.parametrize("text", ["dün", "24.11.2026", ""])
def test_a_time_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        span(text)


def test_an_end_before_the_beginning() -> None:
    with pytest.raises(UsageError, match="is before --since"):
        span("2026-11-25", "2026-11-24")


def test_without_key_or_tasks_rows_keep_their_keyed_ids(run: RunFolder, tmp_path: Path) -> None:
    (run.path / "1_tasks").rename(tmp_path / "away")
    found = breach(run, span(EVER))
    assert any("2 of 2 belong to no task" in line for line in summary(found))
    write_csv(found, tmp_path / "x.csv")
    assert all(line["row"] == "" and len(line["keyed_id"]) == 32 for line in cells(tmp_path / "x.csv"))
    (tmp_path / "away").rename(run.path / "1_tasks")
    (run.path / ".audit.key").unlink()
    assert any("key of this run's audit chain is not there" in line for line in summary(breach(run, span(EVER))))


def test_tasks_that_were_replaced_name_rows_too(run: RunFolder) -> None:
    run.retire("1_tasks")
    assert {named.task for named in breach(run, span(EVER)).names.values()} == {"a", "=c"}


def test_a_changed_or_missing_chain_lists_nothing(run: RunFolder) -> None:
    path = run.path / "audit.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"redacted", b"whatever"))
    with pytest.raises(RunFolderError, match="was changed"):
        breach(run, span(EVER))
    path.unlink()
    with pytest.raises(RunFolderError, match="no audit chain"):
        breach(run, span(EVER))


def test_what_was_signed_is_held_against_the_chain_too(run: RunFolder, tmp_path: Path) -> None:
    key = tmp_path / "anahtar.pem"
    public = new_key(key)
    add(run.path, sign(head_to_sign(run.path, run.name).text(), key), (public,))
    whole = breach(run, span(EVER), keys=(public,))
    assert whole.sent
    with pytest.raises(RunFolderError, match="does not list"):
        breach(run, span(EVER), keys=())
    # The owner of the files rewrites what left, every hash and the head beside the chain.
    rewritten(run.path / "audit.jsonl", b'"verdict":"allowed"', b'"verdict":"blocked"')
    with pytest.raises(RunFolderError, match="signed"):
        breach(run, span(EVER))
