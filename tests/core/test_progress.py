"""Plain lines when piped, bars on a terminal, one JSON line an event for programs, never an exception."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from imbik.core import progress as module
from imbik.core.progress import PlainReporter, Progress, RichReporter, SilentReporter, reporter_for


def work(progress: Progress) -> None:
    """A stage of three rows."""
    progress.begin("generate", 3)
    for _ in range(3):
        progress.advance("generate", note="0.01 USD")
    progress.say("a [bold] line")
    progress.end("generate")


def test_events_are_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    progress = Progress(SilentReporter(), path)
    work(progress)
    progress.close()
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [e["event"] for e in events] == ["begin", "say", "end"]
    assert events[0]["total"] == 3
    assert events[2]["done"] == 3
    assert all(e["time"].endswith("+00:00") for e in events)
    assert oct(path.stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize("reporter", [PlainReporter, RichReporter])
def test_closing_says_where_work_that_an_error_left_open_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], reporter: type[PlainReporter | RichReporter]
) -> None:
    progress = Progress(reporter(), tmp_path / "events.jsonl")
    progress.begin("generate", 360)
    progress.advance("generate", 12)
    progress.close()
    progress.close()
    said = capsys.readouterr().out
    assert "generate: stopped after 12 of 360" in said
    assert "done" not in said
    last = json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["done"], last["total"]) == ("stop", 12, 360)


def test_piped_output_is_plain_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLAIN_EVERY_SECONDS", 0.0)
    assert isinstance(reporter_for(io.StringIO()), PlainReporter)
    work(Progress(PlainReporter()))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "generate: 3 to do"
    assert lines[1].startswith("generate: 1 of 3")
    assert lines[1].endswith("0.01 USD")
    assert "a [bold] line" in lines
    assert lines[-1].startswith("generate: done in")


def test_no_time_left_is_told_before_it_means_something(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLAIN_EVERY_SECONDS", 0.0)
    for total, first in ((1000, 20), (50, 5), (3, 1), (0, 0)):
        progress = Progress(PlainReporter())
        progress.begin("ask", total)
        for _ in range(25):
            progress.advance("ask")
        lines = [line for line in capsys.readouterr().out.splitlines() if "/s" in line]
        told = [number for number, line in enumerate(lines, start=1) if " left" in line]
        assert (told or [0])[0] == first


def test_a_terminal_gets_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = os.openpty()
    with os.fdopen(follower, "w") as stream:
        assert isinstance(reporter_for(stream), RichReporter)
    os.close(leader)


def test_bars_survive_nested_and_unknown_totals(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(RichReporter())
    progress.begin("train", 0)
    work(progress)
    progress.advance("train")
    progress.end("train")
    work(progress)
    assert "a [bold] line" in capsys.readouterr().out
