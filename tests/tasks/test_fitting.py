"""The kind of a file and where its roles stand are found, or asked for, by what its headers and values show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import InputError
from imbik.tasks.inspect import inspect


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return path.name


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
