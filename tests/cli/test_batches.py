"""imbik batches: what is under way, and giving one up."""

from __future__ import annotations

from pathlib import Path

from cli.conftest import Imbik
from cli.test_no_wait import _RECIPE
from imbik.core.errors import ExitCode
from imbik.testing import BatchPlan, FakeTeacher


def test_a_batch_is_listed_and_given_up(imbik: Imbik, tmp_path: Path) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=60)) as teacher:
        (tmp_path / "recipe.yaml").write_text(_RECIPE.format(url=teacher.base_url), encoding="utf-8")
        rows = "\n".join(f'{{"question": "{n}. soru nedir?", "answer": "{n}"}}' for n in range(10))
        (tmp_path / "rows.jsonl").write_text(rows, encoding="utf-8")
        assert imbik("run", "recipe.yaml", "--until", "generate", "--no-wait").code == ExitCode.WAITING
        listed = imbik("batches", "deneme")
        assert "batch_1" in listed.out
        assert "handed over" in listed.out
        told = "9 questions to 'buyuk' are under way in a batch since 20"
        assert told in imbik("show", "deneme").out
        assert told in imbik("show", "deneme", "spend").out
        assert told in imbik("ls").out
        forecast = imbik("run", "recipe.yaml", "--dry-run").out
        assert "under way in batches: 9 questions more" in forecast
        assert "teacher calls: at most 1 (" in forecast
        assert imbik("batches", "deneme", "--give-up", "nosuch").code == ExitCode.USAGE
        gone = imbik("batches", "deneme", "--give-up", "batch_1")
        assert gone.code == ExitCode.DONE
        assert "may be paid" in gone.out
        assert "no batch is under way" in imbik("batches", "deneme").out
