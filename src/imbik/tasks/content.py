"""Which column means what, judged from its values: for files whose headers do not say it.

Enters: rows, and what their headers do say. Leaves: a `Judged` mapping with its reasons, or None where a person has to
say it. The label is a column of few short values that come again, the question the longest text, the answer of word
problems a number, the answer of questions the other text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from imbik.core.types import Sensitivity
from imbik.tasks.columns import meanings
from imbik.tasks.markers import split_answer
from imbik.tasks.normal import bare_words
from imbik.tasks.numbers import canonical_number
from imbik.tasks.rows import BadRowError, Row, as_text, value_at

MOST = 0.9
_LABEL_SHARE, _NUMBER_SHARE, _LABEL_LENGTH, _FEW = 0.2, 0.02, 60, 12
_LONGER = 1.5  # a text must be so much longer than the next to be the question for that alone
_HALF = 0.5
_NUMBER = re.compile(r"^[^\w%-]*-?[\d.,\s]*\d(?:\s*/\s*\d+)?\s*(?:%|\w{0,5})$")
_WORD = re.compile(r"[^\W\d_]{2,}")
_PRIVACY = {"sensitivity", "gizlilik", "gizlilik duzeyi", "gizlilik seviyesi", "gizlilik derecesi", "hassasiyet"}


@dataclass(frozen=True)
class Judged:
    """Role -> column as the values say it, why, and columns that may hold a label where more than one does."""

    mapping: Mapping[str, str]
    reasons: Sequence[str] = ()
    open: Sequence[str] = field(default=())


class _Seen(NamedTuple):
    """A column's filled values as texts, and what they look like."""

    name: str
    values: list[str]
    distinct: int
    length: int

    def share(self, pattern: re.Pattern[str], at_least: int = 1) -> float:
        """Share of values in which the pattern comes at least so often."""
        return sum(len(pattern.findall(value)) >= at_least for value in self.values) / len(self.values)


def judge(rows: Sequence[Row], plan: Mapping[str, str], taken: Sequence[str] = ()) -> Judged | None:
    """The roles that the values show; `plan` is what the headers say, `taken` are columns that mean something else.

    A question that the headers name is kept, and only its label or answer is looked for.
    """
    names = [name for name in dict.fromkeys(name for row in rows for name in row.values) if name not in taken]
    prompt = plan.get("prompt", "")
    seen = [found for name in names if name not in plan.values() and (found := _see(rows, name))]
    labels = [column for column in seen if like_labels(column.values) and column.distinct * 2 <= len(column.values)]
    texts = [c for c in seen if c not in labels and c.share(_WORD, 2) >= _HALF]
    if prompt:
        asked = _see(rows, prompt)
        answers = _answers_of(asked, [c for c in seen if c not in labels], texts) if asked else None
        return answers or _label_of(prompt, labels)
    texts.sort(key=lambda column: -column.length)
    texts = texts or _said_again(labels)
    if not texts:
        return None
    labels = [column for column in labels if column not in texts]
    numbers_ = [column for column in seen if column not in texts and _numeric(column)]
    if len(numbers_) == 1 and len(texts) == 1 and _word_problems(texts[0]):
        words = ("its values are word problems", "its values are numbers")
        return _judged({"prompt": texts[0].name, "answer": numbers_[0].name}, words)
    if labels:
        return _labelled(texts, labels)
    return _answered(texts) if not numbers_ else None


def like_labels(values: Sequence[str]) -> bool:
    """Few different short values, most of which come again."""
    filled = [value for value in values if value.strip()]
    distinct = Counter(filled)
    if len(distinct) < 2 or max(map(len, distinct)) > _LABEL_LENGTH:
        return False
    if sum(_NUMBER.match(value) is not None for value in distinct) > len(distinct) / 2:
        return len(distinct) <= max(3, _NUMBER_SHARE * len(filled))
    return len(distinct) <= max(_FEW, _LABEL_SHARE * len(filled))


def numbers(values: Sequence[str]) -> int:
    """How many answers are a number, bare or after a marker; one inside a sentence does not make it mathematics."""
    return sum(_is_number(text.strip()) for text in values)


def privacy_column(rows: Sequence[Row]) -> str:
    """The column that marks each row's sensitivity: so called, and holding nothing but the four levels; '' for none."""
    levels = {level.value for level in Sensitivity}
    for name in dict.fromkeys(name for row in rows for name in row.values):
        found = _see(rows, name) if bare_words(name) in _PRIVACY else None
        if found and {value.strip().lower() for value in found.values} <= levels:
            return name
    return ""


def _is_number(text: str) -> bool:
    """`18`, `1.250 TL`, a worked solution with `#### 18`, `Cevap: 18` or a box."""
    if "\\boxed" in text:
        return True
    marked = split_answer(text)[1].strip().partition("\n")[0]
    number = (marked or text).rstrip(". ")
    short = len(number) <= _LABEL_LENGTH and _NUMBER.match(number) is not None
    return short and canonical_number(number, "tr") is not None


def _see(rows: Sequence[Row], name: str) -> _Seen | None:
    """A column that at least half of the rows fill with text."""
    values = []
    for row in rows:
        try:
            text = as_text(value_at(row.values, name), name)
        except BadRowError:
            continue
        if text.strip():
            values.append(text)
    if not values or len(values) < _HALF * len(rows):
        return None
    return _Seen(name, values, len(set(values)), sorted(map(len, values))[len(values) // 2])


def _said_again(labels: Sequence[_Seen]) -> list[_Seen]:
    """The question among columns whose values all come again: sentences, far longer than anything beside them."""
    longest = sorted(labels, key=lambda column: -column.length)
    if len(longest) < 2 or not _longest(longest) or longest[0].share(_WORD, 3) < _HALF:
        return []
    return longest[:1]


def _answers_of(asked: _Seen, others: Sequence[_Seen], texts: Sequence[_Seen]) -> Judged | None:
    """The answer beside a question that the headers name: the only number after a word problem, the only text."""
    fitting = [column for column in others if _numeric(column)] if _word_problems(asked) else []
    why = "numbers after word problems"
    if not fitting and _asking(asked):
        fitting, why = [column for column in texts if not _asking(column)], "the only other text"
    if len(fitting) != 1:
        return None
    return Judged({"prompt": asked.name, "answer": fitting[0].name}, (f"{fitting[0].name} is the answer ({why})",))


def _label_of(prompt: str, labels: Sequence[_Seen]) -> Judged | None:
    """The label beside a question that the headers name: the only column that looks like one."""
    if len(labels) != 1:
        return Judged({}, open=[column.name for column in labels]) if labels else None
    reason = f"{labels[0].name} is the label ({labels[0].distinct} values that come again)"
    return Judged({"prompt": prompt, "label": labels[0].name}, (reason,))


def _labelled(texts: Sequence[_Seen], labels: Sequence[_Seen]) -> Judged | None:
    """A text and its label; of more labels the one whose header says so, of more texts the far longer one."""
    named = [column for column in labels if "label" in meanings(column.name)]
    fitting = named if len(named) == 1 else labels
    if len(fitting) > 1 or not _longest(texts):
        return None
    words = ("the longest text", f"{fitting[0].distinct} values that come again")
    return _judged({"prompt": texts[0].name, "label": fitting[0].name}, words)


def _answered(texts: Sequence[_Seen]) -> Judged | None:
    """Questions and their answers in words; a text alone is what somebody still has to answer."""
    if len(texts) == 1:
        return _judged({"prompt": texts[0].name}, ("the only text",))
    asking = [column for column in texts if _asking(column)]
    others = [column for column in texts if column not in asking]
    if len(asking) != 1 or not _longest(others):
        return None
    return _judged({"prompt": asking[0].name, "answer": others[0].name}, ("its values ask", "the other text"))


def _judged(mapping: Mapping[str, str], words: Sequence[str]) -> Judged:
    items = zip(mapping.items(), words, strict=True)
    return Judged(mapping, tuple(f"{column} is the {role} ({why})" for (role, column), why in items))


def _longest(texts: Sequence[_Seen]) -> bool:
    """Whether the first of the texts, longest first, is so much longer that there is no doubt."""
    return len(texts) == 1 or texts[0].length >= _LONGER * texts[1].length


def _asking(column: _Seen) -> bool:
    return sum(value.rstrip().endswith("?") for value in column.values) >= _HALF * len(column.values)


def _word_problems(column: _Seen) -> bool:
    """Texts that speak of numbers and mostly ask for something."""
    return column.share(re.compile(r"\d")) >= MOST and (_asking(column) or column.share(re.compile(r"\d+"), 2) >= _HALF)


def _numeric(column: _Seen) -> bool:
    return numbers(column.values) >= MOST * len(column.values) and not _counts(column)


def _counts(column: _Seen) -> bool:
    """Whole numbers, all different and rising: a row number, no answer."""
    if column.distinct < len(column.values) or not all(value.strip().isdigit() for value in column.values):
        return False
    found = [int(value) for value in column.values]
    return found == sorted(found)
