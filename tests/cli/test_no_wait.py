"""Batches from the command line: what a run that does not wait says and ends with, and the same command later."""

from __future__ import annotations

from pathlib import Path

from cli.conftest import Imbik
from imbik.core.errors import ExitCode
from imbik.testing import BatchPlan, FakeTeacher

_RECIPE = """
name: deneme
tasks: {{source: rows.jsonl, kind: qa, sensitivity: public}}
teachers:
  buyuk:
    {{use: openai, model: sahte, base_url: "{url}", batch: true, batch_poll: 0.1}}
student: {{architecture: llama}}
generate: {{samples: {{min: 1, max: 1}}}}
refine: []
"""


def test_a_run_that_does_not_wait_ends_with_4_and_collects_later(imbik: Imbik, tmp_path: Path) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=60)) as teacher:
        (tmp_path / "recipe.yaml").write_text(_RECIPE.format(url=teacher.base_url), encoding="utf-8")
        rows = "\n".join(f'{{"question": "{n}. soru nedir?", "answer": "{n}"}}' for n in range(30))
        (tmp_path / "rows.jsonl").write_text(rows, encoding="utf-8")
        command = ("run", "recipe.yaml", "--until", "generate", "--no-wait")
        ended = imbik(*command)
        assert ended.code == ExitCode.WAITING, ended.err
        assert "1 batch of " in ended.err
        assert "type the same command again" in ended.err
        assert imbik(*command).code == ExitCode.WAITING
        assert len(teacher.batches.made) == 1
        teacher.batches.plan = BatchPlan()
        assert imbik(*command).code == ExitCode.DONE
        assert len(teacher.batches.made) == 1
        assert set(teacher.asked.values()) == {1}
