"""Rows and verdicts to Label Studio and Argilla and back, from the command line: what comes back, who may see what, and
what is refused as a whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil
import pytest

from cli.conftest import Imbik
from imbik.core.errors import ExitCode
from imbik.core.files import write_text
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sample, Sensitivity
from imbik.privacy.audit import read_audit
from imbik.privacy.trust import config_folder
from imbik.review.content import content_key
from imbik.review.store import verdicts_of
from reviewkit import Caller, review_run, served
from stagekit import make_sample, make_task

SAMPLES = [make_sample(make_task(f"r{n:02d}"), reasoning=f"{n} + 0 = {n}", answer=f"ığüşöç {n}") for n in range(8)]
LEVELS = (Sensitivity.PUBLIC, Sensitivity.INTERNAL, Sensitivity.CONFIDENTIAL, Sensitivity.SPECIAL)
MIXED = [msgspec.structs.replace(sample, sensitivity=LEVELS[n % 4]) for n, sample in enumerate(SAMPLES)]
FORMS = ("jsonl", "label-studio", "argilla")


def lay(folder: Path, samples: Sequence[Sample] = SAMPLES) -> RunFolder:
    folder.mkdir(exist_ok=True)
    return review_run(folder, samples, "{sample: 1, doubtful: 0, rubric: [doğruluk]}")


def judge(run: RunFolder) -> None:
    """Ayşe rejects one row, edits one and keeps one, in the browser's own words."""
    with served(run) as where:
        ayse = Caller(where, where.link("ayşe"))
        for said in (
            {"keep": False, "reason": "yanlış “tarih”"},
            {"keep": True, "answer": "İstanbul\nışık"},
            {"keep": True, "scores": {"doğruluk": 5}},
        ):
            row = ayse.ask("/api/next")[1]["row"]
            assert ayse.ask("/api/decide", {"content": row["content"], "previous": row["previous"], **said})[0] == 200


def said_in(run: RunFolder) -> set[tuple[Any, ...]]:
    return {
        (content, item.verdict.by, item.word, item.verdict.reason, item.answer, tuple(item.scores.items()))
        for content, given in verdicts_of(run).items() for item in given
    }  # fmt: skip


def operator(text: str) -> None:
    write_text(config_folder() / "operator.yaml", text)


@pytest.mark.parametrize("form", FORMS)
def test_there_and_back(imbik: Imbik, tmp_path: Path, form: str) -> None:
    run, other = lay(tmp_path / "a"), lay(tmp_path / "b")
    judge(run)
    ended = imbik("review", run.path, "--export", "v.json", "--as", form)
    assert (ended.code, ended.out.startswith("3 verdicts on")) == (ExitCode.DONE, True)
    ended = imbik("review", other.path, "--import", "v.json")
    assert (ended.code, ended.out) == (ExitCode.DONE, "3 verdicts added from v.json\n")
    assert said_in(other) == said_in(run)
    assert len(said_in(run)) == 3
    assert imbik("review", other.path, "--import", "v.json").out.endswith(
        "0 verdicts added from v.json, 3 were there already\n"
    )
    assert len(said_in(other)) == 3


def label_studio(*rows: tuple[str, str, str]) -> str:
    """An export of Label Studio's: content, person, choice."""
    return json.dumps([
        {"data": {"content": content}, "annotations": [
            {"completed_by": {"email": by}, "result": [{"from_name": "verdict", "value": {"choices": [choice]}}]}
        ]} for content, by, choice in rows
    ])  # fmt: skip


def argilla(*rows: tuple[str, str, str]) -> str:
    """The same of Argilla's."""
    return json.dumps([
        {"id": content, "fields": {"answer": "x"}, "metadata": {"content": content},
         "responses": {"verdict": [{"value": choice, "user_id": by}]}}
        for content, by, choice in rows
    ])  # fmt: skip


def lines(*rows: tuple[str, str, str]) -> str:
    """The same as our own lines."""
    words: dict[str, object] = {"keep": True, "reject": False}
    return "\n".join(
        json.dumps({"content": content, "by": by, "keep": words.get(word, word)}) for content, by, word in rows
    )


KEYS = [content_key(sample) for sample in SAMPLES]
GOOD = (KEYS[0], "ayşe", "keep")


@pytest.mark.parametrize("written", [label_studio, argilla, lines])
@pytest.mark.parametrize(("bad", "said"), [
    ((GOOD, ("0" * 64, "ayşe", "keep")), "1 of 2 verdicts are on rows that this run does not keep; nothing was added"),
    ((("0" * 64, "ayşe", "keep"), ("1" * 64, "can", "reject")), "it is of another run, or all were made again"),
    ((GOOD, (KEYS[1], "ayşe", "belki")), "belki"),
    ((GOOD, (KEYS[1], "can", "keep"), GOOD), "ayşe judges one row twice, here and at "),
    ((GOOD, ("kısa", "can", "keep")), "is no key of a content"),
    ((GOOD, (KEYS[1], " ", "keep")), "name"),
])  # fmt: skip
def test_a_file_that_does_not_fit_says_why_and_changes_nothing(
    imbik: Imbik, tmp_path: Path, written: Any, bad: Sequence[tuple[str, str, str]], said: str
) -> None:
    run = lay(tmp_path / "a")
    write_text(tmp_path / "v.json", written(*bad))
    ended = imbik("review", run.path, "--import", "v.json")
    assert ended.code == ExitCode.USAGE
    assert said in ended.err or (said == "belki" and written is lines and "keep" in ended.err)
    assert "v.json" in ended.err
    assert verdicts_of(run) == {}
    write_text(tmp_path / "v.json", written(GOOD))  # the same without what is wrong
    assert imbik("review", run.path, "--import", "v.json").out == "1 verdict added from v.json\n"


def test_only_the_rows_that_are_known_where_that_is_wanted(imbik: Imbik, tmp_path: Path) -> None:
    run = lay(tmp_path / "a")
    write_text(tmp_path / "v.json", label_studio(GOOD, ("0" * 64, "can", "reject")))
    ended = imbik("review", run.path, "--import", "v.json", "--known-only")
    assert ended.code == ExitCode.DONE
    assert ended.out == (
        "1 verdict added from v.json\n"
        "! v.json[1].annotations[0]: row '000000000000…' is not among the kept samples of this run\n"
    )
    assert verdicts_of(run).keys() == {KEYS[0]}


@pytest.mark.parametrize("form", ["label-studio", "argilla"])
def test_a_tool_and_a_person_get_what_the_operator_lets_them_see(imbik: Imbik, tmp_path: Path, form: str) -> None:
    run = lay(tmp_path / "a", MIXED)

    def rows(name: str, *more: str) -> tuple[int, str]:
        ended = imbik("review", run.path, "--export", name, "--as", form, *more)
        assert ended.code == ExitCode.DONE, ended.err
        return len(json.loads((tmp_path / name).read_text())), ended.out

    count, out = rows("nobody.json")
    assert count == 2
    assert f"! 6 rows left out: {form} may see public rows at most (reviewers: " in out
    operator(f"reviewers: {{{form}: internal, ayşe: confidential, can: special}}\n")
    assert rows("tool.json")[0] == 4
    assert rows("ayşe.json", "--expert", "ayşe")[0] == 6
    assert rows("both.json", "--expert", "can", "--expert", "ayşe")[0] == 6
    assert rows("can.json", "--expert", "can")[0] == 8
    assert rows("stranger.json", "--expert", "mehmet")[0] == 2
    audited = [line for line in read_audit(run.path / "audit.jsonl") if line.event == "decision"]
    assert sum(len(line.rows) for line in audited if line.place == "folder") == 2 + 4 + 6 + 6 + 8 + 2


def test_where_no_row_may_be_seen_there_is_no_file(imbik: Imbik, tmp_path: Path) -> None:
    run = lay(tmp_path / "a", [sample for sample in MIXED if sample.sensitivity is not Sensitivity.PUBLIC])
    ended = imbik("review", run.path, "--export", "v.json", "--as", "argilla")
    assert ended.code == ExitCode.BLOCKED
    assert "argilla may see public rows at most" in ended.err
    assert not (tmp_path / "v.json").exists()


def test_verdicts_of_rows_that_a_person_may_not_see_stay_here(imbik: Imbik, tmp_path: Path) -> None:
    run = lay(tmp_path / "a", MIXED)
    operator("reviewers: {ayşe: special}\n")
    judge(run)
    imbik("review", run.path, "--export", "all.jsonl")
    imbik("review", run.path, "--export", "can.jsonl", "--expert", "can")
    public = {content_key(sample) for sample in MIXED if sample.sensitivity is Sensitivity.PUBLIC}
    everything = [json.loads(line)["content"] for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    file = tmp_path / "can.jsonl"
    some = [json.loads(line)["content"] for line in file.read_text().splitlines()] if file.exists() else []
    assert len(everything) == 3
    assert some == [content for content in everything if content in public]


class Mount(NamedTuple):
    """What psutil says of a mounted file system."""

    device: str
    mountpoint: str
    fstype: str


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_on_a_server_that_nobody_declared_gets_no_file(
    imbik: Imbik, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    run, share = lay(tmp_path / "a", MIXED), tmp_path / "paylasim"
    share.mkdir()
    operator("reviewers: {ayşe: special, label-studio: special, argilla: special}\n")
    judge(run)
    mounts = [Mount("/dev/sda1", "/", "ext4"), Mount("10.9.8.7:/export", str(share), "nfs4")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)
    ended = imbik("review", run.path, "--export", share / "v.json", "--as", form)
    assert ended.code == ExitCode.BLOCKED
    assert "rows may not leave" in ended.err
    assert "rows may not go to nfs4://10.9.8.7" in ended.err
    assert not list(share.iterdir())
