"""Looking at a file: what a person would see in it is seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import InputError
from imbik.core.plugins import make
from imbik.recipe import build
from imbik.tasks import inspect as inspecting
from imbik.tasks.inspect import inspect
from imbik.tasks.load import load_tasks


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return path.name


def test_an_excel_file_of_messages(tmp_path: Path) -> None:
    rows = [f"{n} numaralı kartım çok geç geldi, ne yapmalıyım?;{('kargo', 'iade', 'şifre')[n % 3]}" for n in range(60)]
    text = "Mesaj;Niyet\r\n" + "\r\n".join(rows) + "\r\nbozuk satır;a;b\r\n"
    (tmp_path / "m.csv").write_bytes(text.encode("cp1254"))
    found = inspect("m.csv", tmp_path)
    assert (found.format, found.delimiter, found.kind, found.language) == ("csv", ";", "classification", "tr")
    assert found.encoding.startswith("ISO-8859-9")
    assert found.labels == {"kargo": 20, "iade": 20, "şifre": 20}
    assert found.mapping == {"prompt": "Mesaj", "label": "Niyet"}
    assert [(column.name, column.role, column.distinct) for column in found.columns] == [
        ("Mesaj", "prompt", 60),
        ("Niyet", "label", 3),
    ]
    assert (found.rows, found.bad_rows, found.answered) == (61, 1, 60)
    assert len(found.notes) == 2
    assert found.median_length == found.longest == 48


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"question": "2 + {n}?", "answer": "{n}"}, "math"),
        ({"question": "2 + {n}?", "answer": "Topla.\n#### {n}"}, "math"),
        ({"question": "{n} kim?", "answer": "Kişi {n}"}, "qa"),
        ({"prompt": "{n}", "response": "Uzun bir yanıt {n}."}, "qa"),
        ({"question": "Şube {n}?", "answer": "Şubemiz 9:00'da açılır, {n} kişi çalışır ve akşam kapanır {n}"}, "qa"),
        ({"question": "{n} nerede?", "answer": "Düşünelim.\nCevap: Ankara {n}"}, "qa"),
        ({"question": "{n}?", "answer": "Önce topla, sonra çıkar.\nCevap: {n} TL"}, "math"),
        ({"question": "{n}?", "answer": "So it is $\\boxed{x^2+{n}}$."}, "math"),
        ({"question": "{n}?", "answer": "{n}.250,5 TL"}, "math"),
        ({"prompt": "{n}"}, "qa"),
        ({"document": "{n} metin", "summary": "Metin {n} kısaca"}, "qa"),
        ({"messages": [{"role": "user", "content": "{n}"}, {"role": "assistant", "content": "x{n}"}]}, "conversation"),
        ({"request": {"prompt": "{n}"}, "response": {"choices": [{"text": "x"}]}}, "conversation"),
        ({"question": "{n} kim?", "answer": "Kişi {n}", "category": "kim"}, "qa"),
    ],
)  # fmt: skip
def test_kinds_are_told_apart(tmp_path: Path, row: dict[str, Any], kind: str) -> None:
    rows = [json.loads(json.dumps(row).replace("{n}", str(n))) for n in range(40)]
    assert inspect(write(tmp_path / "x.jsonl", rows), tmp_path).kind == kind


def test_stars_are_classes_and_sums_are_not(tmp_path: Path) -> None:
    stars = [{"text": f"Yorum {n}", "label": n % 5 + 1} for n in range(400)]
    assert inspect(write(tmp_path / "x.jsonl", stars), tmp_path).kind == "classification"
    pairs = [{"premise": f"a {n}", "hypothesis": "b", "label": ("evet", "hayır")[n % 2]} for n in range(40)]
    assert inspect(write(tmp_path / "x.jsonl", pairs), tmp_path).kind == "classification"


def test_sets_and_recorded_answers(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    write(tmp_path / "d" / "train.jsonl", [{"question": "a", "answer": "b"}] * 3)
    write(tmp_path / "d" / "test.jsonl", [{"question": "a", "answer": "b"}])
    assert inspect("d", tmp_path).sets == {"": 3, "test": 1}
    log = {
        "request": {"model": "m1", "messages": [{"role": "user", "content": "a"}]},
        "response": {"choices": [{"text": "x"}]},
    }
    assert inspect(write(tmp_path / "log.jsonl", [log]), tmp_path).recorded == ["m1"]


def test_nothing_in_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no usable rows"):
        inspect(write(tmp_path / "x.jsonl", [1, 2]), tmp_path)
    with pytest.raises(InputError, match="no such file"):
        inspect("y.jsonl", tmp_path)


@pytest.mark.parametrize(
    ("header", "mapping"),
    [
        ("Müşteri Mesajı;Kategori", {"prompt": "Müşteri Mesajı", "label": "Kategori"}),
        ("Şikayet Metni;Konu", {"prompt": "Şikayet Metni", "label": "Konu"}),
        ("MÜŞTERİ YAZISI;TALEP TÜRÜ", {"prompt": "MÜŞTERİ YAZISI", "label": "TALEP TÜRÜ"}),
        ("Açıklama;Departman", {"prompt": "Açıklama", "label": "Departman"}),
        ("a;b", {"prompt": "a", "label": "b"}),
        ("metin;birim", {"prompt": "metin", "label": "birim"}),
    ],
)
def test_headers_of_ordinary_offices(tmp_path: Path, header: str, mapping: dict[str, str]) -> None:
    units = ("kargo", "iade", "şifre")
    rows = [f"{n} numaralı kartım çok geç geldi;{units[n % 3]}" for n in range(240)]
    (tmp_path / "m.csv").write_bytes("\r\n".join([header, *rows]).encode("cp1254"))
    found = inspect("m.csv", tmp_path)
    assert (found.kind, found.language, found.mapping, len(found.labels)) == ("classification", "tr", mapping, 3)


def test_what_cannot_be_told_is_asked(tmp_path: Path) -> None:
    rows = [{"x": f"{n} numaralı kart geldi", "y": f"{n} numaralı kart gitti"} for n in range(40)]
    with pytest.raises(InputError, match=r"its columns \(x, y\) do not show") as raised:
        inspect(write(tmp_path / "x.jsonl", rows), tmp_path)
    assert "columns: {prompt: COLUMN, label: COLUMN}" in raised.value.next
    found = inspect("x.jsonl", tmp_path, columns={"prompt": "x", "answer": "y"})
    assert (found.kind, found.mapping) == ("qa", {"prompt": "x", "answer": "y"})
    rows = [{**row, "metin": f"metin {n}", "a": n % 2, "b": n % 3} for n, row in enumerate(rows)]
    found = inspect(write(tmp_path / "y.jsonl", rows), tmp_path)
    assert found.mapping == {"prompt": "metin"}
    assert found.notes[-1].startswith("a or b may be the label")


def test_bad_rows_are_those_of_a_run(tmp_path: Path) -> None:
    good = [{"text": f"metin {n}", "label": "ab"[n % 2]} for n in range(100)]
    bad = [[1], {"text": [1], "label": "a"}, {"text": " ", "label": "a"}, {"text": "x" * 1_000_001, "label": "a"}]
    found = inspect(write(tmp_path / "x.jsonl", [*good, *bad]), tmp_path)
    assert (found.rows, found.bad_rows, found.answered, found.longest) == (104, 4, 100, 8)
    assert [example.line for example in found.bad_examples] == [101, 102, 103]
    data = {"source": "x.jsonl", "kind": "classification", "columns": found.mapping}
    plain = {"student": {"architecture": "llama"}, "generate": {"from": "reference"}}
    recipe = build({"name": "a", "tasks": data, **plain}, base=tmp_path)
    loaded = load_tasks(recipe, make("tasks/kinds", recipe.tasks.kind))
    assert (loaded.rows, len(loaded.quarantine)) == (found.rows, found.bad_rows)


def test_rows_beyond_the_sample_are_counted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspecting, "SAMPLE", 10)
    rows = [{"text": f"metin {n}", "label": "ab"[n % 2]} if n % 4 else {"text": [n]} for n in range(40)]
    found = inspect(write(tmp_path / "x.jsonl", rows), tmp_path)
    assert (found.rows, found.bad_rows, found.answered) == (40, 10, 30)
    with pytest.raises(InputError, match="no usable rows"):
        inspect(write(tmp_path / "y.jsonl", [{"text": [n], "label": "a"} for n in range(5)]), tmp_path)
