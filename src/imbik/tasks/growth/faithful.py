"""Whether other words are still the same task: numbers and names that its reference depends on are all there.

Enters: a task's own words and other words for them. Leaves: why they are another task, or "". A name is a word with a
capital letter that begins no sentence; its case ending behind an apostrophe does not count (`Ağrı'dan` is `Ağrı`).
"""

from __future__ import annotations

import re
from collections import Counter

from imbik.core.types import Task
from imbik.tasks.normal import fold
from imbik.tasks.numbers import read_decimal

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<![.!?:;\n])(?<![.!?:;\n]\s)(?<!\A)(?<![\w'’])[A-ZÇĞİÖŞÜÂÎÛ][\w]+")
_SHORTEST, _LONGEST = 0.35, 3.0


def unfaithful(before: str, after: str, task: Task) -> str:
    """Why `after` is not the task of `before` any more."""
    size = len(after) / max(len(before), 1)
    if not _SHORTEST <= size <= _LONGEST:
        return f"far {'shorter' if size < 1 else 'longer'} than the task ({size:.0%})"
    if task.reference is None:
        return ""
    old, new = numbers(before, task.language), numbers(after, task.language)
    if lost := sorted((old - new).elements()):
        return f"the number {lost[0]} is gone"
    if more := sorted((new - old).elements()):
        return f"the number {more[0]} was not in the task"
    there = fold(after)
    if gone := sorted(name for name in names(before) if fold(name) not in there):
        return f"the name '{gone[0]}' is gone"
    return ""


def numbers(text: str, language: str) -> Counter[str]:
    """The numbers of a text, by value."""
    found = (read_decimal(number, language) for number in _NUMBER.findall(text))
    return Counter(str(value) for value in found if value is not None)


def names(text: str) -> set[str]:
    """Words with a capital letter inside a sentence."""
    return set(_NAME.findall(text))
