"""Verbs that look: what they print, and that a wrong word names the right one."""

from __future__ import annotations

import io
import json
import socket
import sys
from pathlib import Path

import pytest

from cli.conftest import Imbik
from imbik.core.errors import ExitCode
from imbik.core.plugins import GROUPS, available
from imbik.core.runfolder import RunFolder


def test_plugins_lists_every_plugin_with_one_line(imbik: Imbik) -> None:
    out = imbik("plugins").out
    for group in GROUPS:
        for info in available(group).values():
            assert info.name in out
            assert info.summary in out


def test_one_group_of_plugins(imbik: Imbik) -> None:
    assert imbik("plugins", "checks").out.splitlines()[0] == "refine/checks"
    ended = imbik("plugins", "teachrs")
    assert ended.code == ExitCode.USAGE
    assert "did you mean 'teachers'" in ended.err


def test_explain_a_key_and_a_plugin(imbik: Imbik) -> None:
    assert "peak learning rate" in imbik("explain", "train.learning_rate").out
    out = imbik("explain", "lora").out
    assert "rank of the adapters (default: 16)" in out
    assert "did you mean 'learning_rate'" in imbik("explain", "train.learning_rat").err
    assert "did you mean 'lora'" in imbik("explain", "lorra").err
    assert "'train.learning_rate'" in imbik("explain", "learning_rate").err
    assert "LoRA 1e-5 to 5e-4" in " ".join(imbik("explain", "train.learning_rate").out.split())


def test_explaining_nothing_known_is_short(imbik: Imbik) -> None:
    ended = imbik("explain", "nosuch")
    assert ended.code == ExitCode.USAGE
    assert "imbik plugins lists all" in " ".join(ended.err.split())
    assert len(ended.err) < 300


def test_the_schema_is_printed_or_written(imbik: Imbik, tmp_path: Path) -> None:
    printed = json.loads(imbik("schema").out)
    assert printed["title"] == "imbik recipe"
    ended = imbik("schema", "-o", "schema.json")
    assert json.loads((tmp_path / "schema.json").read_text()) == printed
    assert "yaml-language-server" in ended.out


def test_ls_of_nothing_says_how_to_begin(imbik: Imbik) -> None:
    assert "imbik demo makes one" in imbik("ls").out


@pytest.mark.parametrize(
    ("words", "typed", "code", "gone"),
    [
        ((), None, ExitCode.USAGE, False),
        ((), "", ExitCode.DONE, False),
        ((), "n\n", ExitCode.DONE, False),
        ((), "y\n", ExitCode.DONE, True),
        (("--yes",), None, ExitCode.DONE, True),
        (("one",), None, ExitCode.DONE, True),
        (("--dry-run",), None, ExitCode.DONE, False),
    ],
)
def test_gc_of_all_runs_asks_first(
    words: tuple[str, ...],
    typed: str | None,
    code: ExitCode,
    gone: bool,
    imbik: Imbik,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("one", "two"):
        run = RunFolder(tmp_path / "runs" / name)
        run.create()
        (run.path / "recipe.yaml").write_text("")
        (run.path / "old" / "1_tasks-20261101-101010").mkdir(parents=True)
        (run.path / "old" / "1_tasks-20261101-101010" / "part").write_bytes(b"x" * 1500)
    screen = io.StringIO(typed or "")
    monkeypatch.setattr(screen, "isatty", lambda: typed is not None, raising=False)
    monkeypatch.setattr(sys, "stdin", screen)
    ended = imbik("gc", *words)
    assert ended.code == code
    assert "one: 1 old output, 1.5 kB" in ended.out
    assert ("imbik gc --yes, or one run: imbik gc runs/one" in ended.err) == (code is ExitCode.USAGE)
    assert (tmp_path / "runs" / "one" / "old").exists() != gone
    assert (tmp_path / "runs" / "two" / "old").exists() != (gone and words != ("one",))
    assert ("freed" in ended.out) == (gone or words == ("--dry-run",))


def test_gc_of_nothing(imbik: Imbik) -> None:
    assert imbik("gc").out == "nothing to remove\n"


def test_doctor_names_every_extra(imbik: Imbik) -> None:
    ended = imbik("doctor")
    for extra in ("train", "data", "export", "studio", "ray"):
        assert f"extra {extra}" in ended.out
    assert ended.code in {ExitCode.DONE, ExitCode.FAILED}


def test_doctor_names_what_is_missing_with_the_command(imbik: Imbik, monkeypatch: pytest.MonkeyPatch) -> None:
    from imbik.advise import doctor

    real = doctor.installed
    monkeypatch.setattr(doctor, "installed", lambda name: None if name in {"torch", "rich"} else real(name))
    ended = imbik("doctor")
    assert ended.code == ExitCode.FAILED
    assert "without torch" in ended.out
    assert "'imbik[train]'" in ended.out
    assert "core: missing: rich" in ended.out


@pytest.mark.parametrize("verb", ["show", "chat", "diagnose", "review"])
def test_a_run_that_is_not_there(imbik: Imbik, verb: str) -> None:
    ended = imbik(verb, "yok")
    assert ended.code == ExitCode.FAILED
    assert "there is no run 'yok'" in ended.err
    assert "imbik ls" in ended.err


def test_a_missing_recipe_and_a_missing_file(imbik: Imbik) -> None:
    ended = imbik("run", "absent.yaml")
    assert ended.code == ExitCode.USAGE
    assert "imbik init" in ended.err
    ended = imbik("init", "a", "--from", "absent.csv")
    assert ended.code == ExitCode.USAGE
    assert "absent.csv" in ended.err


def test_trust_pins_a_file(imbik: Imbik, tmp_path: Path) -> None:
    (tmp_path / "operator.yaml").write_text("unlisted: nothing\n")
    ended = imbik("privacy", "trust", "operator.yaml")
    assert ended.code == ExitCode.DONE
    assert "trusted until it changes" in ended.out
    (tmp_path / "bad.yaml").write_text("locla: []\n")
    assert "did you mean 'local'" in imbik("privacy", "trust", "bad.yaml").err


def test_the_fake_teacher_names_answers_it_cannot_read(imbik: Imbik, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\n4 + 3?,\n")
    ended = imbik("fake-teacher", "--answers", "a.csv")
    assert ended.code == ExitCode.USAGE
    assert "without a question or an answer" in ended.err
    assert "no such file" in imbik("fake-teacher", "--answers", "absent.csv").err


def test_the_fake_teacher_says_that_it_cannot_serve_or_write(imbik: Imbik, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = imbik("fake-teacher", "--port", str(taken.getsockname()[1]))
    assert ended.code == ExitCode.USAGE
    assert "something else serves there" in ended.err
    ended = imbik("fake-teacher", "--log", str(tmp_path / "absent" / "log"))
    assert ended.code == ExitCode.USAGE
    assert "cannot be written" in ended.err


def test_a_wrong_rule_of_the_fake_teacher(imbik: Imbik) -> None:
    ended = imbik("fake-teacher", "--rule", "4290")
    assert ended.code == ExitCode.USAGE
    assert "did you mean '429'?" in ended.err
    assert "gzip_bomb" in imbik("fake-teacher", "--faults").out


@pytest.mark.parametrize("plan", "second=3 seconds seconds=nan expired=-1 expired=1.5 most=0 kept=2".split())
def test_a_wrong_plan_of_batches(imbik: Imbik, plan: str) -> None:
    ended = imbik("fake-teacher", "--batch", plan)
    assert ended.code == ExitCode.USAGE
    assert "--batch" in ended.err
    assert "->" in ended.err


def test_ls_names_runs_without_a_finished_stage_apart(imbik: Imbik, tmp_path: Path) -> None:
    from imbik.core.runfolder import RunFolder

    (tmp_path / "runs").mkdir()
    RunFolder(tmp_path / "runs" / "yarım kalan").create()
    ended = imbik("ls")
    assert ended.code == ExitCode.DONE
    assert ended.out.startswith("no stage has finished yet in yarım kalan: imbik run 'runs/yarım kalan' goes on")
    assert "last stage" not in ended.out
