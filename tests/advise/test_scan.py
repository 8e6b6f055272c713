"""imbik privacy scan: what is found in each kind of file, where, and never the whole identifier unless asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imbik.advise.scan import scan
from imbik.cli.main import run_command
from imbik.core.errors import InputError

NUMBER, CARD = "12345678950", "4111111111111111"


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and what was printed."""
    monkeypatch.setattr("sys.argv", ["imbik", "privacy", "scan", *arguments])
    code = run_command()
    return code, capsys.readouterr().out


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.csv", f"soru,cevap\niyi mi,evet\nTC {NUMBER} kim,{CARD}\n", "a.csv:3 soru: tckn"),
        (
            "a.jsonl",
            json.dumps({"messages": [{"role": "user", "content": f"x {NUMBER}"}]}),
            "a.jsonl:1 messages.0.content",
        ),
        ("a.jsonl", json.dumps({"no": int(NUMBER), "question": "x"}), "a.jsonl:1 no: tckn"),
        ("a.json", json.dumps([{"question": "x"}, {"question": NUMBER}]), "question: tckn"),
        ("a.txt", f"ilk satır\nTC{NUMBER}'in\n", "a.txt:2: tckn"),
    ],
)
def test_where_it_stands(
    name: str, content: str, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).write_text(content, encoding="utf-8")
    code, text = run(monkeypatch, capsys, name)
    assert code == 6
    assert place in text
    assert "tckn 1" in text
    assert NUMBER not in text
    assert CARD not in text
    assert NUMBER in run(monkeypatch, capsys, name, "--show")[1]


def test_a_file_that_is_not_there_is_told_of_without_a_recipe() -> None:
    with pytest.raises(InputError, match="no such file or folder") as caught:
        scan("nofile.csv")
    assert "recipe" not in str(caught.value)
    assert caught.value.next == "check the path: imbik privacy scan FILE"


def test_words_beside_a_finding_are_shown_only_where_identifiers_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.txt").write_text(f"Müşteri Ayşe Yılmaz, TC {NUMBER} aradı\n", encoding="utf-8")
    assert "Ayşe" not in run(monkeypatch, capsys, "a.txt")[1]
    assert "Ayşe Yılmaz" in run(monkeypatch, capsys, "a.txt", "--show")[1]


def test_an_excerpt_holds_no_neighbour_either(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.txt").write_text(f"{NUMBER} ali@ornek.com Sayın Ahmet Yılmaz {CARD}\n", encoding="utf-8")
    code, text = run(monkeypatch, capsys, "a.txt", "--json")
    made = json.loads(text)
    assert code == 6
    assert made["counts"] == {"tckn": 1, "email": 1, "name": 1, "card": 1}
    assert made["rows"] == made["rows_with"] == 1
    assert made["detectors"]["tckn"] == 1
    assert not [part for part in (NUMBER, "ornek", "Ahmet", "Yılmaz", CARD) if part in text]


def test_nothing_found_is_code_0_and_rows_that_cannot_be_read_are_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.jsonl").write_text('{"question": "iyi mi"}\n{broken\n', encoding="utf-8")
    code, text = run(monkeypatch, capsys, "a.jsonl")
    assert code == 0
    assert "nothing found in 1 rows; 1 rows could not be read" in text


def test_a_folder_and_parquet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    Path("rows").mkdir()
    pq.write_table(pa.table({"metin": ["iyi", f"no {NUMBER}"]}), "rows/a.parquet")
    code, text = run(monkeypatch, capsys, "rows")
    assert code == 6
    assert "metin: tckn" in text


def test_a_missing_file_is_a_users_mistake(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, capsys, "missing.csv")[0] == 2
