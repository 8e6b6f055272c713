"""What two answers mean: the same in other words, or not, and why."""

from __future__ import annotations

import pytest

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import LabelReference, Task, TextReference
from imbik.tasks.kinds import Kind
from imbik.tasks.meaning import contains, difference, normal_forms


def kind(name: str) -> Kind:
    made: Kind = make("tasks/kinds", PluginBlock(use=name))
    return made


def task(name: str, language: str = "tr") -> Task:
    return Task(id="1", kind=name, messages=(), language=language, reference=TextReference(text="x"))


SAME = [
    ("3000 m", "3 km"),
    ("1,5 saat", "90 dakika"),
    ("90 dk", "1 saat 30 dakika"),
    ("2 gün", "48 saattir"),
    ("50 kuruş", "0,5 TL"),
    ("1.250,50 Türk lirası", "1250,5 ₺"),
    ("90 km/sa", "25 m/s"),
    ("%15", "0,15"),
    ("yüz elli", "150"),
    ("on iki", "12"),
    ("29.10.1923", "29 Ekim 1923"),
    ("1923-10-29", "29 Ekim 1923'tür."),
    ("29 EKİM 1923 tarihinde", "29/10/1923"),
    ("14.30", "14:30"),
    ("saat 14.30", "14:30"),
    ("2:30 pm", "14:30"),
    ('{"b": 1, "a": [1.0, "x  y"]}', '{"a": [1, "x y"], "b": 1}'),
    ("B) 15", "B"),
    ("(b)", "B"),
    (r"\frac{1}{2}", "0,5"),
    (r"2\sqrt{3}", r"\sqrt{12}"),
    ("18", "18 TL"),
    ("9.933", "9933"),
    ("5.605.345,50", "5605345,5"),
    ("36,50", "36,5"),
    ("$1,250", "1,250"),
    ("otuz gün", "30 gün"),
    ("OTUZ GÜN", "30 gün"),
    ("yüzde yetmiş beş", "%75"),
    ("Yüzde 18,5", "%18,5"),
    ("2,5 milyar TL", "2.500.000.000 TL"),
    ('```json\n{"a": 1}\n```', '{"a": 1}'),
]
OTHER = [
    ("1,250", "1.250"),
    ("1,25", "1.250"),
    ("12.5", "12,05"),
    ("29.10.1924", "29.10.1923"),
    ("kırk gün", "30 gün"),
    ("yüzde 76", "%75"),
    ('```json\n{"a": 2}\n```', '{"a": 1}'),
    ("3 kg", "3 km"),
    ("91 dk", "1 saat 30 dakika"),
    ("-5", "5"),
    ("%15", "0,16"),
    ("30.10.1923", "29 Ekim 1923"),
    ("Ekim 1923", "29 Ekim 1923"),
    ("14:31", "14:30"),
    ('{"a": 2}', '{"a": 1}'),
    ('{"a": 1', '{"a": 1}'),
    ("[1, 2]", "[2, 1]"),
    ("C", "B"),
    (r"2\sqrt{2}", r"\sqrt{12}"),
    ("on üç", "12"),
    ("", "12"),
]


@pytest.mark.parametrize("name", ["math", "qa"])
@pytest.mark.parametrize(("given", "known"), SAME)
def test_the_same_in_other_words(name: str, given: str, known: str) -> None:
    if name == "math" and {given, known} == {"18", "18 TL"}:
        assert normal_forms([given, known], kind(name), task(name)) == ["18", "18"]
    if name == "qa" and known == "18 TL":
        return  # words differ, and the unit may be what was asked for
    assert difference(given, known, kind(name), task(name)) == ""
    assert difference(known, given, kind(name), task(name)) == ""


@pytest.mark.parametrize("name", ["math", "qa"])
@pytest.mark.parametrize(("given", "known"), OTHER)
def test_something_else(name: str, given: str, known: str) -> None:
    assert difference(given, known, kind(name), task(name))
    forms = normal_forms([given, known], kind(name), task(name))
    assert forms[0] != forms[1]


def test_units_are_as_strict_as_the_recipe_says() -> None:
    math = kind("math")
    assert difference("3 m", "3 km", math, task("math")) == "another unit"
    assert difference("3 m", "3 km", math, task("math"), "ignore") == ""
    assert difference("3000 m", "3 km", math, task("math"), "ignore") == "another answer"
    assert difference("3", "3 km", math, task("math")) == ""
    assert difference("3", "3 km", math, task("math"), "strict") == "no unit"
    assert difference("3 elma", "3", math, task("math"), "strict") == ""


def test_classes_are_their_kinds_alone() -> None:
    labels: Kind = make("tasks/kinds", PluginBlock(use="classification", raw={"labels": ["1 km", "1000 m"]}))
    asked = Task(id="1", kind="classification", messages=(), reference=LabelReference(text="1 km"))
    assert difference("1 KM", "1 km", labels, asked) == ""
    assert difference("1000 m", "1 km", labels, asked) == "another class"
    assert normal_forms(["1000 m", "1 km"], labels, asked) == ["1000 m", "1 km"]


def test_normal_forms_agree_where_answers_do() -> None:
    math, asked = kind("math"), task("math")
    assert normal_forms(["3 km", "3000 m", "3 km"], math, asked) == ["3000 length"] * 3
    assert normal_forms(["18", "18 TL", "19 TL", ""], math, asked) == ["18", "18", "19", ""]
    assert len(set(normal_forms(["3", "3 km", "3000 m"], math, asked))) == 2  # which unit the 3 has, nobody knows
    assert normal_forms(["12", "12"], math, asked) == ["12", "12"]


def test_an_answer_may_hold_the_known_one() -> None:
    assert contains("Türkiye'nin başkenti Ankara'dır.", "ankara")
    assert contains("İZMİR", "izmir")
    assert not contains("Ankaralılar", "Ankara")
    assert not contains("bir şey", " ")
