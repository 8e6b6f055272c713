"""Looking at a file before a recipe exists: what `imbik init` needs to propose one.

Enters: a path or hub id. Leaves: an Inspection: format, encoding, delimiter, columns with the roles they seem to
have, the kind that fits, labels, sizes, language. Reads at most 20,000 rows for the figures; nothing leaves this
machine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import islice
from pathlib import Path

from imbik.core.errors import ImbikError, InputError
from imbik.tasks.columns import CONVERSATION_SHAPES, LABEL_SHAPES, QUESTION_SHAPES, Columns, Plan, Shape
from imbik.tasks.conversation import cut_last, parse_messages
from imbik.tasks.markers import split_answer
from imbik.tasks.numbers import canonical_number
from imbik.tasks.rows import BadRowError, Quarantined, Row, as_text, value_at
from imbik.tasks.sources import RowSource
from imbik.tasks.sources.auto import resolve
from imbik.tasks.sources.chat_log import ChatLog
from imbik.tasks.sources.csv import Csv, recognise_delimiter
from imbik.tasks.text import recognise

SAMPLE = 20_000
_LABEL_SHARE, _NUMBER_SHARE, _LABEL_LENGTH, _FEW, _MOST = 0.2, 0.02, 60, 12, 0.9
_NUMBER = re.compile(r"^[^\w%-]*-?[\d.,\s]*\d(?:\s*/\s*\d+)?\s*(?:%|\w{0,5})$")
_LETTERS = {"tr": "ğışİ", "hu": "őűáéíóú", "sl": "čšž"}
_WORDS = {
    "tr": {"ve", "bir", "bu", "için", "ile", "kaç", "ne", "mi", "mı", "değil", "var", "çok", "da", "de", "nasıl"},
    "en": {"the", "and", "is", "of", "to", "my", "a", "in", "how", "what", "i", "it", "for", "do", "can", "you"},
    "sl": {"in", "je", "na", "se", "da", "za", "ne", "ki", "kako", "ali", "so", "pa", "sem", "bi"},
    "hu": {"a", "az", "és", "hogy", "nem", "van", "egy", "is", "mi", "hány", "meg", "ez", "de", "ha"},
    "de": {"der", "die", "das", "und", "ist", "ich", "nicht", "ein", "zu", "mit", "wie"},
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column: the role it seems to have ('' for none), how it is filled, and how many values differ."""

    name: str
    role: str
    filled: int
    distinct: int
    example: str


@dataclass(frozen=True)
class Inspection:
    """What a file is. `kind` and `labels` are proposals; `sets` are rows by prescribed set ('' for free rows)."""

    path: str
    format: str
    encoding: str
    delimiter: str
    rows: int
    bad_rows: int
    columns: Sequence[Column]
    roles: Mapping[str, str]
    kind: str
    labels: Mapping[str, int]
    answered: int
    language: str
    median_length: int
    longest: int
    sets: Mapping[str, int] = field(default_factory=dict)
    recorded: Sequence[str] = ()
    notes: Sequence[str] = ()
    bad_examples: Sequence[Quarantined] = ()

    @property
    def mapping(self) -> dict[str, str]:
        """What `columns:` would say to fix the roles found, by field name."""
        return {role: column for role, column in self.roles.items() if column}


def inspect(path: str | Path, base: Path = Path()) -> Inspection:
    """Look at a file, folder or hub id.

    Raises: InputError when it cannot be read or holds no rows.
    """
    source = resolve(str(path), base)
    rows, bad, total = _sample(source, base)
    if not rows:
        first = f"; the first: {bad[0]}" if bad else ""
        raise InputError(f"no usable rows in it{first}", where=str(path), next="give a file with at least a few rows")
    kind, plan = _kind_and_plan(rows, isinstance(source, ChatLog))
    questions = [text for row in rows if (text := question_text(row, plan))]
    answers = [text for row in rows if (text := _answer(row, plan))]
    sizes = sorted(map(len, questions)) or [0]
    encoding, delimiter = _written(source, base)
    return Inspection(
        path=str(path),
        format=type(source).__module__.rpartition(".")[2],
        encoding=encoding,
        delimiter=delimiter,
        rows=total,
        bad_rows=len(bad),
        columns=_columns(rows, plan),
        roles=plan,
        kind=kind,
        labels=dict(Counter(answers).most_common()) if kind == "classification" else {},
        answered=len(answers),
        language=guess_language(questions),
        median_length=sizes[len(sizes) // 2],
        longest=sizes[-1],
        sets=dict(Counter(row.set for row in rows)),
        recorded=sorted({answer.name for row in rows for answer in row.recorded}),
        notes=tuple(source.notes),
        bad_examples=tuple(bad[:3]),
    )


def guess_language(texts: Sequence[str]) -> str:
    """ISO 639-1 code of most of the text: by py3langid where it is installed, else by letters and small words."""
    sample = "\n".join(texts[:300])[:20_000]
    try:
        classifier = import_module("py3langid")
    except ImportError:
        return _by_words(sample)
    code, _ = classifier.classify(sample)
    return str(code)


def question_text(row: Row, plan: Plan) -> str:
    """The text of a row's question, '' where it has none."""
    try:
        if "messages" in plan:
            turns = parse_messages(value_at(row.values, plan["messages"]))
            return "\n".join(turn.content for turn in turns)
        roles = ("instruction", "passage", "prompt", "document", "premise", "hypothesis")
        return "\n\n".join(_text(row, plan, role) for role in roles if role in plan).strip()
    except BadRowError:
        return ""


def _sample(source: RowSource, base: Path) -> tuple[list[Row], list[Quarantined], int]:
    """Up to SAMPLE rows, the bad ones among them, and how many rows there are in all."""
    rows: list[Row] = []
    bad: list[Quarantined] = []
    stream: Iterator[Row | Quarantined] = source.rows(base, "")
    for item in islice(stream, SAMPLE):
        if isinstance(item, Row):
            rows.append(item)
        else:
            bad.append(item)
    return rows, bad, len(rows) + len(bad) + sum(1 for _ in stream)


def _kind_and_plan(rows: Sequence[Row], log: bool) -> tuple[str, Plan]:
    """The kind that fits and where its roles stand."""
    names = max(Counter(tuple(row.values) for row in rows).items(), key=lambda item: item[1])[0]
    answers = _plan(names, QUESTION_SHAPES)
    labels = _plan(names, LABEL_SHAPES)
    talks = _plan(names, CONVERSATION_SHAPES)
    if log or ("messages" in talks and "label" not in labels):
        return "conversation", talks
    another = answers.get("answer", labels.get("label")) != labels.get("label")
    if not another and "label" in labels and _like_labels([_text(row, labels, "label") for row in rows]):
        return "classification", labels
    values = [text for row in rows if (text := _answer(row, answers))]
    if values and _numbers(values) >= _MOST * len(values):
        return "math", answers
    return "qa", answers or talks or labels


def _plan(names: Sequence[str], shapes: Sequence[Shape]) -> Plan:
    return Columns({}, shapes).plan(names)


def _like_labels(values: Sequence[str]) -> bool:
    """Few different short values, most of which come again."""
    filled = [value for value in values if value.strip()]
    distinct = Counter(filled)
    if len(distinct) < 2 or max(map(len, distinct)) > _LABEL_LENGTH:
        return False
    if sum(_NUMBER.match(value) is not None for value in distinct) > len(distinct) / 2:
        return len(distinct) <= max(3, _NUMBER_SHARE * len(filled))
    return len(distinct) <= max(_FEW, _LABEL_SHARE * len(filled))


def _numbers(values: Sequence[str]) -> int:
    """How many answers are a number, bare or after a marker; one inside a sentence does not make it mathematics."""
    return sum(_is_number(text.strip()) for text in values)


def _is_number(text: str) -> bool:
    """`18`, `1.250 TL`, a worked solution with `#### 18`, `Cevap: 18` or a box."""
    if "\\boxed" in text:
        return True
    marked = split_answer(text)[1].strip().partition("\n")[0]
    number = (marked or text).rstrip(". ")
    short = len(number) <= _LABEL_LENGTH and _NUMBER.match(number) is not None
    return short and canonical_number(number, "tr") is not None


def _answer(row: Row, plan: Plan) -> str:
    """The label or answer of a row; of a conversation the assistant's last turn."""
    known = next((text for role in ("label", "answer") if (text := _text(row, plan, role).strip())), "")
    if known or "messages" not in plan:
        return known
    try:
        return cut_last(parse_messages(value_at(row.values, plan["messages"])))[1]
    except BadRowError:
        return ""


def _text(row: Row, plan: Plan, role: str) -> str:
    try:
        return as_text(value_at(row.values, plan[role]), role) if role in plan else ""
    except BadRowError:
        return ""


def _columns(rows: Sequence[Row], plan: Plan) -> list[Column]:
    """Every column of the rows, in the order it first appears."""
    roles = {column: role for role, column in plan.items()}
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    found = []
    for name in names:
        values = [value for row in rows if (value := row.values.get(name)) not in (None, "")]
        distinct = len({str(value) for value in values})
        example = str(values[0])[:60] if values else ""
        found.append(Column(name, roles.get(name, ""), len(values), distinct, example))
    return found


def _written(source: RowSource, base: Path) -> tuple[str, str]:
    """Encoding and delimiter of a text file, '' where there is none."""
    files = source.files(base)
    settings = getattr(source, "settings", None)
    if len(files) != 1 or not files[0].is_file() or not hasattr(settings, "encoding"):
        return "", ""
    try:
        file = recognise(files[0])
        if not isinstance(source, Csv):
            return file.name, ""
        return file.name, source.settings.delimiter or recognise_delimiter(file)
    except ImbikError:
        return "", ""


def _by_words(sample: str) -> str:
    """The language with most of its small words; letters of its own count for them."""
    words = Counter(re.findall(r"\w+", sample.lower()))
    scores = {code: sum(words[word] for word in known) for code, known in _WORDS.items()}
    for code, letters in _LETTERS.items():
        scores[code] += sum(sample.count(letter) for letter in letters)
    best = max(scores, key=lambda code: scores[code])
    return best if scores[best] else "en"
