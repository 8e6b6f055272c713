"""Looking for personal data in a file before it becomes a recipe's source.

Enters: a file or folder of any kind that imbik reads, or plain text. Leaves: what each detector found and where, with
every identifier masked and no word beside it, so that a report can be passed on; counts by detector; and how many rows
could not be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imbik.core.errors import InputError
from imbik.privacy.detect import Detection, Finding
from imbik.privacy.operator import load_operator
from imbik.tasks.rows import Quarantined
from imbik.tasks.sources import RowSource
from imbik.tasks.sources.auto import resolve
from imbik.tasks.text import lines, recognise

_TEXT = (".txt", ".text", ".md", ".log")
_AROUND = 24
_LONG = 8  # characters of a value from which on its last two may be seen
_WORDS = ("name", "birth_date", "email")  # of these nothing is seen


@dataclass(frozen=True)
class Found:
    """One finding: file and line as a person looks them up, the column, and the identifier (`show`: and words)."""

    file: str
    line: int
    column: str
    detector: str
    excerpt: str

    def __str__(self) -> str:
        column = f" {self.column}" if self.column else ""
        return f"{self.file}:{self.line}{column}: {self.detector}: {self.excerpt}"


@dataclass
class Scan:
    """All findings of a file; `unread` rows could not be looked at, and say nothing of what they hold."""

    found: list[Found] = field(default_factory=list)
    rows: int = 0
    rows_with: int = 0
    unread: list[str] = field(default_factory=list)
    detectors: Mapping[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Findings by detector, the most first."""
        return dict(Counter(item.detector for item in self.found).most_common())

    def summary(self) -> str:
        """One line."""
        by = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        what = f"{self.rows_with} of {self.rows} rows hold personal data ({by})" if by else "nothing found"
        unread = f"; {len(self.unread)} rows could not be read, the first: {self.unread[0]}" if self.unread else ""
        return f"{what if by else f'{what} in {self.rows} rows'}{unread}"


def scan(written: str, *, show: bool = False) -> Scan:
    """Look at everything in a file or folder; `show` leaves identifiers unmasked, with words around them.

    Raises: InputError where it cannot be read, OperatorFileError, and whatever a detector raises.
    """
    base = Path.cwd()
    detection = Detection(load_operator(base))
    result = Scan(detectors=detection.versions)
    for row in _rows(written, base):
        if isinstance(row, Quarantined):
            result.unread.append(str(row))
            continue
        file, line, texts = row
        before = len(result.found)
        for column, text in texts:
            findings = detection.find(text)
            shown = text if show else _masked(text, findings)
            result.found += [Found(file, line, column, hit.detector, _excerpt(shown, hit, show)) for hit in findings]
        result.rows += 1
        result.rows_with += len(result.found) > before
    return result


def _rows(written: str, base: Path) -> Iterator[Quarantined | tuple[str, int, list[tuple[str, str]]]]:
    """File, line and the texts by column of every row; of plain text every line is one."""
    path = Path(written).expanduser()
    if path.is_file() and path.suffix.lower() in _TEXT:
        for number, line in lines(recognise(path)):
            yield written, number, [("", line)]
        return
    for row in _source(written, path, base).rows(base, ""):
        if isinstance(row, Quarantined):
            yield row
        else:
            texts = list(_texts(row.values, "")) + [(f"recorded {item.name}", item.text) for item in row.recorded]
            yield row.file, row.line, texts


def _source(written: str, path: Path, base: Path) -> RowSource:
    """What reads it. There is no recipe that could be corrected: what is wrong is what was typed."""
    try:
        return resolve(written, base)
    except InputError as error:
        if path.exists():
            raise
        raise InputError(error.what, where=written, next="check the path: imbik privacy scan FILE") from None


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every text inside a value with its dotted path, as a recipe writes it; numbers are texts too."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _texts(item, f"{path}.{number}")
    elif value is not None and not isinstance(value, bool):
        yield path, value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _masked(text: str, findings: list[Finding]) -> str:
    """The text with every identifier in it as stars, as long as before."""
    for hit in findings:
        value = text[hit.start : hit.end]
        seen = 2 if len(value) >= _LONG and hit.detector not in _WORDS else 0
        hidden = "".join("*" if character.isalnum() else character for character in value[: len(value) - seen])
        text = text[: hit.start] + hidden + value[len(value) - seen :] + text[hit.end :]
    return text


def _excerpt(text: str, hit: Finding, show: bool) -> str:
    """The finding on one line, with words around it only where they may be seen: no detector finds a bare name."""
    around = _AROUND if show else 0
    return " ".join(text[max(0, hit.start - around) : hit.end + around].split())
