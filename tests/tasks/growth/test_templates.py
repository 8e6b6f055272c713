"""Templates: typed slots, answers worked out exactly, and what cannot be meant is refused with its reason."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imbik.core.errors import InputError
from imbik.core.types import Sensitivity
from imbik.tasks.growth.arithmetic import ArithmeticFaultError, names_in, value_of
from imbik.tasks.growth.slots import Slot, written
from imbik.tasks.strategies import Ground
from imbik.tasks.strategies.templates import Template, Templates

HALF = Fraction(1, 2)


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("a * b / 100", {"a": Fraction(5000), "b": Fraction(3)}, Fraction(150)),
        ("1 / 3 + 1 / 6", {}, HALF),
        ("0.1 + 0.2", {}, Fraction(3, 10)),
        ("-a ** 2", {"a": Fraction(3)}, Fraction(-9)),
        ("7 // 2 + 7 % 2", {}, Fraction(4)),
        ("round(2.345, 2)", {}, Fraction(47, 20)),
        ("round(-2.5)", {}, Fraction(-3)),
        ("max(a, 2) if a > 1 and not a == 5 else 0", {"a": Fraction(3)}, Fraction(3)),
        ("son - ilk", {"son": date(2025, 3, 1), "ilk": date(2024, 3, 1)}, Fraction(365)),
        ("year(ilk + 31)", {"ilk": date(2024, 12, 15)}, Fraction(2025)),
        ("1 < a <= 3", {"a": Fraction(3)}, True),
        ("şehir == 'Ağrı'", {"şehir": "Ağrı"}, True),
    ],
)
def test_arithmetic_is_exact(expression: str, values: dict[str, object], expected: object) -> None:
    assert value_of(expression, values) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('id')",
        "a.__class__",
        "[1, 2][0]",
        "(lambda: 1)()",
        "open('x')",
        "{1: 2}",
        "a := 3",
        "f'{a}'",
        "9 ** 9 ** 9",
        "2 ** 1000",
        "1 / 0",
        "b + 1",
        "a +",
        "1" * 500,
        "'x' + 1",
        "a - ilk",
    ],
)
def test_whatever_is_no_arithmetic_has_no_value(expression: str) -> None:
    with pytest.raises(ArithmeticFaultError):
        value_of(expression, {"a": Fraction(1), "ilk": date(2024, 1, 1)})


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**4))
def test_numbers_are_written_as_turkish_reads_them_back(top: int, bottom: int) -> None:
    from imbik.tasks.numbers import canonical_number, write_number

    value = Fraction(top, bottom)
    assert canonical_number(written(value, "tr"), "tr") == write_number(value)
    if value.denominator == 1:
        assert canonical_number(written(value, "tr", groups=True), "tr") == write_number(value)


def test_slots_are_drawn_within_their_bounds_and_written_in_turkish() -> None:
    random = Random(1)
    for _ in range(50):
        values, words = Slot.model_validate({"money": [1200, 96000], "step": 1200}).draw("m", random, "tr")
        assert values["m"] % 1200 == 0  # type: ignore[operator]
        assert 1200 <= values["m"] <= 96000  # type: ignore[operator]
        assert words["m"] == f"{int(values['m']):,}".replace(",", ".")  # type: ignore[arg-type]
    day = Slot.model_validate({"date": ["2024-02-28", "2024-03-01"]})
    assert {day.draw("g", random, "tr")[1]["g"] for _ in range(60)} == {"28 Şubat 2024", "29 Şubat 2024", "1 Mart 2024"}
    half = Slot.model_validate({"decimal": [0.5, 2], "step": 0.25})
    assert half.size == 7
    assert all("." not in half.draw("d", random, "tr")[1]["d"] for _ in range(20))
    city = Slot.model_validate({"choices": [{"text": "Kösedağ Savaşı", "yıl": 1243}]})
    assert city.draw("s", random, "tr") == ({"s": "Kösedağ Savaşı", "s_yıl": Fraction(1243)}, {
        "s": "Kösedağ Savaşı", "s_yıl": "1243",
    })  # fmt: skip


def ground(folder: Path) -> Ground:
    return Ground(seeds=(), fields=("question",), base=folder, language="tr", level=Sensitivity.INTERNAL)


def opened(folder: Path, text: str) -> Templates:
    (folder / "k.yaml").write_text(text, encoding="utf-8")
    made = Templates(Templates.Settings(file="k.yaml"))
    made.prepare(ground(folder))
    return made


SALE = """
category: finans
templates:
- name: indirim
  text:
  - "{kişi} {fiyat} liralık malı %{oran} indirimle alıyor. Kaç lira öder?"
  - "%{oran} indirimli {fiyat} lira kaç lira eder?"
  slots:
    kişi: {names: [Ayşe, İpek]}
    fiyat: {money: [100, 9000], step: 50}
    oran: {int: [5, 60]}
    başka: {int: [5, 60], unlike: [oran]}
  let: {indirim: fiyat * oran / 100}
  require: ["indirim % 5 == 0"]
  answer: fiyat - indirim
  reasoning: "{fiyat} * {oran} / 100 = {indirim}; {fiyat} - {indirim} = {answer}"
"""


def test_rows_are_the_same_everywhere_and_their_answers_are_right(tmp_path: Path) -> None:
    idea = opened(tmp_path, SALE).idea("finans", 3)
    again = opened(tmp_path, SALE).idea("finans", 3)
    assert idea is not None
    assert idea == again
    assert idea.family == "template: indirim"
    assert idea.sensitivity is Sensitivity.INTERNAL
    assert idea.source is not None
    assert idea.source.line == 4
    assert len(idea.rows) == 20
    for row in idea.rows:
        rate = Fraction(re.search(r"%(\d+)", row["question"])[1])  # type: ignore[index]
        price = Fraction(re.search(r"([\d.]+) lira", row["question"])[1].replace(".", ""))  # type: ignore[index]
        assert Fraction(row["answer"]) == price - price * rate / 100
        assert row["reasoning"].endswith(f"= {row['answer']}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{kişi} {fiyat}", "{kişi} {tutar}", "'tutar', which is no slot"),
        ("fiyat - indirim", "fiyat - exec(1)", "calls something other"),
        ("{int: [5, 60]}", "{int: [60, 5]}", "first bound is larger"),
        ("{int: [5, 60]}", "{int: [5, 60], money: [1, 2]}", "a slot is one of"),
        ("answer: fiyat", "answer_text: x\n  answer: fiyat", "not both"),
        ("  answer: fiyat - indirim", "  anser: 1", "unknown key 'templates.0.anser'"),
        ("unlike: [oran]", "unlike: [orani]", "'orani', which is no slot"),
        ("  let: {ind", "  once: [indirim]\n  let: {ind", "'indirim', which is no slot"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SALE, old
    with pytest.raises(InputError, match=re.escape(said)):
        opened(tmp_path, SALE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("indirim % 5 == 0", "indirim < 0", "'indirim < 0' is not true"),
        ("answer: fiyat - indirim", "answer: fiyat / (oran - oran)", "'fiyat / (oran - oran)' divides by zero"),
        ("answer: fiyat - indirim", "answer: 9 ** 9 ** fiyat", "a power is a whole number of at most 64"),
    ],
)
def test_a_template_that_gives_no_task_is_refused_with_the_reason(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in SALE, old
    told = f"k.yaml:4: template 'indirim' gives no task, whatever is drawn: {said}"
    with pytest.raises(InputError, match=re.escape(told)):
        opened(tmp_path, SALE.replace(old, new, 1))


def test_slots_that_divide_by_zero_are_drawn_again(tmp_path: Path) -> None:
    slots = "{a: {int: [1, 9]}, b: {int: [0, 2]}}"
    text = f"templates:\n- {{name: b, text: '{{a}} bölü {{b}} kaç eder?', answer: a / b, slots: {slots}}}"
    idea = opened(tmp_path, text).idea("", 0)
    assert idea is not None
    assert len(idea.rows) == 20
    assert not any(" 0 kaç" in row["question"] for row in idea.rows)


def test_names_are_read_from_expressions() -> None:
    assert names_in("max(a, b) if c > 1 else round(a, 2)") == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("slot", "said"),
    [
        ("{names: de}", "one of tr, en"),
        ("{names: []}", "nothing to choose from"),
        ("{choices: []}", "nothing to choose from"),
        ("{choices: [Konya, {text: Ağrı, plaka: 4}]}", "all plain, or all mappings"),
        ("{choices: [{plaka: 4}]}", "all plain, or all mappings"),
        ("{int: [1]}", "int"),
    ],
)
def test_slots_that_cannot_be_drawn_are_refused(tmp_path: Path, slot: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        opened(tmp_path, f"templates:\n- {{name: a, text: '{{s}} ne eder?', slots: {{s: {slot}}}}}")


ONCE = """
templates:
- name: fark
  text: "{kişi} soruyor: {ilk} ile {son} arasında kaç yıl var?"
  slots:
    kişi: {names: tr}
    ilk: {choices: [{text: Malazgirt, yıl: 1071}, {text: Kösedağ, yıl: 1243}]}
    son: {int: [1453, 1480]}
  once: [ilk, son]
  answer: son - ilk_yıl
- name: toplam
  text: "{a} + {b} kaç eder?"
  slots: {a: {int: [1, 9000]}, b: {int: [1, 9000]}}
  answer: a + b
"""


def test_slots_of_once_meet_every_combination_one_time(tmp_path: Path) -> None:
    """56 differences; then the other template goes on alone, and where there is none the strategy has no more."""
    made = opened(tmp_path, ONCE)
    ideas = [made.idea("", number) for number in range(9)]
    assert [idea.how for idea in ideas if idea] == ["fark", "toplam"] * 3 + ["toplam"] * 3
    drawn = [row["question"].partition(": ")[2] for idea in ideas if idea and idea.how == "fark" for row in idea.rows]
    assert len(drawn) == len(set(drawn)) == 56
    assert made.idea("", 4) == ideas[4], "an idea depends on its number, never on what was asked before"
    assert opened(tmp_path, ONCE).idea("", 4) == ideas[4]
    alone = opened(tmp_path, ONCE.partition("- name: toplam")[0])
    assert alone.idea("", 2) is not None
    assert alone.idea("", 3) is None
    assert alone.idea("", 90) is None


@settings(deadline=None)  # how long it takes says nothing about the walk
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6))
def test_the_walk_through_combinations_meets_each_once(first: int, second: int, seed: int) -> None:
    slots = {"a": Slot.model_validate({"int": [1, first]}), "b": Slot.model_validate({"int": [1, second]})}
    template = Template(name="t", text="{a} {b}", slots=slots, once=["a", "b"])
    met = [tuple(template.fixed(number, Random(seed)).values()) for number in range(int(template.most))]
    assert len(met) == len(set(met)) == first * second
