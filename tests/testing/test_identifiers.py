"""Made-up identifiers are right by the rules that others wrote down too."""

from __future__ import annotations

from random import Random

from stdnum import iban, luhn
from stdnum.tr import tckimlik, vkn

from imbik.testing.identifiers import DISGUISES, MAKERS


def test_a_thousand_of_each_are_right_and_a_changed_digit_is_not() -> None:
    valid = {
        "tckn": tckimlik.is_valid,
        "vkn": vkn.is_valid,
        "iban": lambda text: iban.is_valid(text, check_country=False),
        "card": luhn.is_valid,
    }
    random = Random(1)
    for kind, make in MAKERS.items():
        for _ in range(1000):
            number = make(random)
            assert valid[kind](number), (kind, number)
            assert not valid[kind](number[:-1] + str((int(number[-1]) + 1) % 10))


def test_known_numbers() -> None:
    """From the national examples: the makers reach the same checks."""
    assert tckimlik.is_valid("10000000146")
    assert vkn.is_valid("4540536920")
    assert iban.is_valid("TR330006100519786457841326", check_country=False)


def test_every_disguise_changes_a_number_but_the_plain_one() -> None:
    random = Random(2)
    for name, disguise in DISGUISES.items():
        written = {disguise(kind, number := make(random), random) != number for kind, make in MAKERS.items()}
        assert written == {False} if name == "plain" else True in written
