"""Declassifying from the command line: two people, and the next run asks the rows that were held back."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Imbik
from imbik.core.errors import ExitCode
from imbik.testing import FakeTeacher

RECIPE = """
name: karma
tasks: {{source: rows.jsonl, kind: qa, sensitivity: gizlilik}}
teachers: {{uzak: {{use: openai, model: m, base_url: {url}}}}}
refine: [shape]
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 128, vocabulary: 300}}
"""


def test_two_people_open_the_way_for_a_row(imbik: Imbik, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        f'{{"id": "r{n}", "question": "{n}. soru nedir?", "answer": "{n}", "gizlilik": "public"}}' for n in range(40)
    ]
    rows[7] = rows[7].replace('"public"', '"confidential"')
    (tmp_path / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    keys = {name: imbik("privacy", "key", "new", f"{name}.pem").out.strip() for name in ("ayse", "mehmet")}
    operator = tmp_path / "elsewhere" / "operator.yaml"
    operator.parent.mkdir()
    operator.write_text("declassifiers:\n" + "".join(f'  - "{name} {key}"\n' for name, key in keys.items()))
    monkeypatch.setenv("IMBIK_OPERATOR", str(operator))
    with FakeTeacher(lambda messages: "Düşündüm.\nCevap: 1") as teacher:
        (tmp_path / "recipe.yaml").write_text(RECIPE.format(url=teacher.base_url), encoding="utf-8")
        assert imbik("run", "recipe.yaml", "-q", "--until", "generate").code == ExitCode.BLOCKED
        asked = teacher.count
        say = ("privacy", "declassify", "karma", "--rows", "r7", "--to", "public")
        first = imbik(*say, "--by", "ayse", "--key", "ayse.pem")
        assert first.code == ExitCode.DONE
        assert "1 row waits for a second person" in first.out
        assert imbik(*say, "--by", "ayse", "--key", "ayse.pem").code == ExitCode.USAGE
        assert imbik("run", "recipe.yaml", "-q", "--until", "generate").code == ExitCode.BLOCKED
        assert "two people agree on 1 row" in imbik(*say, "--by", "mehmet", "--key", "mehmet.pem").out
        ended = imbik("run", "recipe.yaml", "--until", "generate")
        assert ended.code == ExitCode.DONE
        assert "1 row is less private than marked" in ended.out
        assert teacher.count == asked + 1
    assert "1 row was declassified by two people" in imbik("privacy", "prove", "karma").out
    unknown = imbik("privacy", "declassify", "karma", "--rows", "r77", "--by", "ayse", "--key", "ayse.pem")
    assert unknown.code == ExitCode.USAGE
    assert "no row 'r77'" in unknown.err
