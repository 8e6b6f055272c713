"""`imbik chat` with a teacher over HTTP: what keeps one question from an answer does not end the conversation."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from cli.conftest import Imbik
from imbik.core.errors import ExitCode
from imbik.testing import FakeTeacher, Rule
from small_runs import SmallRun


def test_a_question_that_fails_is_told_and_the_next_one_is_answered(
    tmp_path: Path, imbik: Imbik, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = SmallRun(tmp_path)
    recipe = small.run.path / "recipe.yaml"
    with FakeTeacher(lambda _: "3 + 2 = 5\nCevap: 5", rules=[Rule("401", times=1)]) as teacher:
        text = recipe.read_text(encoding="utf-8")
        assert "model: big" in text
        recipe.write_text(text.replace("model: big", f"model: big\n    base_url: {teacher.base_url}"), encoding="utf-8")
        monkeypatch.setattr("sys.stdin", io.StringIO("3 elma ile 2 armut?\n4 elma ile 1 armut?\n"))
        ended = imbik("chat", small.run.path, "--with", "teacher", "--sensitivity", "public")
        assert ended.code == ExitCode.DONE
        assert ended.out.count("student (") == 2
        assert ended.out.count("usta (") == 1, "the second question reaches the teacher again"
        assert "teacher 'usta' refuses" in ended.err
        teacher.set_rules(Rule("401"))
        once = imbik("chat", small.run.path, "5 elma ile 6 armut?", "--with", "teacher", "--sensitivity", "public")
    assert once.code == ExitCode.UNREACHABLE
