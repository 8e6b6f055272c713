"""Columns without telling headers: the values say what they are, or nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from imbik.tasks.content import Judged, judge, privacy_column
from imbik.tasks.rows import Row

UNITS = ("kargo", "iade", "şifre", "kart")


def rows(make: dict[str, Any], count: int = 60) -> list[Row]:
    """Rows of which a value may be a function of the row's number."""
    return [
        Row({name: item(n) if callable(item) else item for name, item in make.items()}, "f", n) for n in range(count)
    ]


def text(n: int) -> str:
    return f"{n} numaralı siparişim hâlâ gelmedi, ne zaman gelir acaba"


@pytest.mark.parametrize(
    ("columns", "mapping"),
    [
        ({"a": text, "b": lambda n: UNITS[n % 4]}, {"prompt": "a", "label": "b"}),
        ({"b": lambda n: UNITS[n % 4], "no": lambda n: n + 100, "a": text}, {"prompt": "a", "label": "b"}),
        ({"ad": lambda n: f"Ayşe Yılmaz{n}", "a": text, "b": lambda n: n % 2 == 0}, {"prompt": "a", "label": "b"}),
        ({"a": text, "Şehir": lambda n: UNITS[n % 3], "Talep Türü": lambda n: UNITS[n % 4]},
         {"prompt": "a", "label": "Talep Türü"}),
        ({"a": lambda n: f"Ali {n} elma aldı, {n % 50} tane yedi. Kaç elma kaldı?", "b": lambda n: n * 37 % 101},
         {"prompt": "a", "answer": "b"}),
        ({"x": lambda n: f"Şubemiz akşam {n} numaralı caddede kapanır", "y": lambda n: f"Şube {n} ne zaman kapanır?"},
         {"prompt": "y", "answer": "x"}),
        ({"b": lambda n: UNITS[n % 4], "a": lambda n: f"Bu {UNITS[n % 4]} ne zaman gelir"},
         {"prompt": "a", "label": "b"}),
        ({"a": text}, {"prompt": "a"}),
    ],
)  # fmt: skip
def test_values_show_roles(columns: dict[str, Any], mapping: dict[str, str]) -> None:
    found = judge(rows(columns), {})
    assert found is not None
    assert dict(found.mapping) == mapping
    assert len(found.reasons) == len(mapping)


@pytest.mark.parametrize(
    "columns",
    [
        {"a": text, "b": lambda n: UNITS[n % 4], "c": lambda n: UNITS[n % 3]},
        {"a": text, "b": lambda n: f"{text(n)} budur"},
        {"a": text, "b": lambda n: f"{text(n)} bu", "c": lambda n: UNITS[n % 4]},
        {"a": lambda n: f"Ürün güzel renkli {'x' * n}", "b": lambda n: n * 37 % 101},
        {"a": lambda n: n, "b": lambda n: UNITS[n % 4]},
        {"a": lambda n: f"{UNITS[n % 4]} işlemleri", "b": lambda n: UNITS[n % 3]},
        {"a": lambda n: f"2024-01-{n}", "b": lambda n: f"SP-{n}"},
        {"a": lambda n: [n]},
    ],
    ids=[
        "two labels",
        "two texts",
        "two texts, a label",
        "a price",
        "no text",
        "two labels alone",
        "dates and codes",
        "lists",
    ],
)
def test_what_is_open_is_not_guessed(columns: dict[str, Any]) -> None:
    assert judge(rows(columns), {}) is None


def test_a_question_that_the_headers_name_gets_its_only_label() -> None:
    one = {"metin": text, "birim": lambda n: UNITS[n % 4], "dil": "tr"}
    found = judge(rows(one), {"prompt": "metin"})
    assert found is not None
    assert dict(found.mapping) == {"prompt": "metin", "label": "birim"}
    two = judge(rows({**one, "şehir": lambda n: UNITS[n % 3]}), {"prompt": "metin"})
    assert two == Judged({}, open=["birim", "şehir"])
    assert judge(rows({"metin": text}), {"prompt": "metin"}) is None


@pytest.mark.parametrize(
    ("columns", "answer"),
    [
        ({"soru": lambda n: f"Ali {n} elma aldı {n % 7} yedi kaç elma kaldı", "no": lambda n: n,
          "Sonuç": lambda n: n - n % 7}, "Sonuç"),
        ({"soru": lambda n: f"{text(n)}?", "Bilgi": lambda n: f"Yarın {n} numaralı kapıya"}, "Bilgi"),
    ],
)  # fmt: skip
def test_a_question_that_the_headers_name_gets_its_only_answer(columns: dict[str, Any], answer: str) -> None:
    found = judge(rows(columns), {"prompt": "soru"})
    assert found is not None
    assert dict(found.mapping) == {"prompt": "soru", "answer": answer}


def test_the_column_of_sensitivity_holds_levels_only() -> None:
    levels = ("public", "Internal", "confidential", "special")
    assert privacy_column(rows({"a": text, "Gizlilik": lambda n: levels[n % 4]})) == "Gizlilik"
    assert privacy_column(rows({"a": text, "gizlilik": lambda n: (*levels, "gizli")[n % 5]})) == ""
    assert privacy_column(rows({"a": lambda n: levels[n % 4]})) == ""
