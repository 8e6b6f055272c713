"""Cleaning: taking personal data out of a row's words, so that an operator may let them leave; and putting it back.

Enters: texts, and what the detectors find in them. Leaves: the same texts with placeholders. *Pseudonymise* writes
`[TCKN_3F2A]`, the same for the same value in every row and run of a folder, and the answer gets the values back;
*redact* writes `[TCKN]`, and nothing comes back. Suffixes stay where they are (`Ayşe Hanım'ın` -> `[NAME_0C1D]'ın`), so
that Turkish sentences stay sentences. Whether cleaned words may leave is the gate's business, after the detectors have
looked at them again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from imbik.core.questions import Cleaned
from imbik.privacy.inspection import Inspector, bare_value, normal_value
from imbik.privacy.vault import LONGEST, Name, Vault, label_of

_STEP = 2  # digits by which a placeholder grows that the row itself already spells
_NUMBER = r"[0-9A-Fa-f]"


@dataclass(frozen=True)
class Cleansed:
    """Texts without what was found in them, and what each placeholder in them stands for."""

    texts: tuple[str, ...]
    stands_for: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def restored(self, text: str) -> str:
        """A teacher's words with the values in the placeholders' place."""
        return restore(text, self.stands_for)


class Cleaner(Protocol):
    """One way to clean; `word` is what the audit calls it."""

    word: Cleaned

    def clean(self, texts: Sequence[str]) -> Cleansed:
        """The texts of one question without what is found in them.

        Raises: InspectionError; RunFolderError from the vault.
        """
        ...


class Part(NamedTuple):
    """A piece of a text that is to be replaced."""

    start: int
    end: int
    detector: str
    value: str


class Redactor:
    """Takes values out for good."""

    word: Cleaned = "redacted"

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector

    def clean(self, texts: Sequence[str]) -> Cleansed:
        """The texts with `[LABEL]` for every finding."""
        return Cleansed(tuple(_replaced(text, parts(self._inspector, text), _label) for text in texts))


class Pseudonymiser:
    """Gives values names, and takes the names back."""

    word: Cleaned = "pseudonymised"

    def __init__(self, inspector: Inspector, vault: Vault) -> None:
        self._inspector, self._vault = inspector, vault

    def clean(self, texts: Sequence[str]) -> Cleansed:
        """The texts with `[LABEL_DIGITS]` for every finding, and what those stand for as this row writes it."""
        found = [parts(self._inspector, text) for text in texts]
        every = [part for row in found for part in row]
        names = self._vault.names([(part.detector, part.value) for part in every])
        spelt: dict[tuple[str, str], tuple[str, str]] = {}
        stands_for: dict[tuple[str, str], str] = {}
        for part, name in zip(every, names, strict=True):
            same = (part.detector, normal_value(part.detector, part.value))
            if same not in spelt:
                spelt[same] = _free(name, texts)
                stands_for[spelt[same]] = part.value

        def placeholder(part: Part) -> str:
            label, digits = spelt[part.detector, normal_value(part.detector, part.value)]
            return f"[{label}_{digits}]"

        return Cleansed(
            tuple(_replaced(text, row, placeholder) for text, row in zip(texts, found, strict=True)), stands_for
        )


def parts(inspector: Inspector, text: str) -> list[Part]:
    """What is to be replaced in a text, from left to right; a suffix behind an apostrophe stays."""
    made = []
    for item in inspector.findings(text):
        value = bare_value(text[item.start : item.end])
        made.append(Part(item.start, item.start + len(value), item.detector, value))
    return made


def restore(text: str, stands_for: Mapping[tuple[str, str], str]) -> str:
    """The text with every placeholder replaced by what it stands for.

    Models change placeholders a little: small letters, a lost bracket, another separator, a suffix. What can mean one
    placeholder only is restored, everything else stays as it came.
    """
    if not stands_for:
        return text
    pattern = _pattern(tuple(sorted({label for label, _ in stands_for}, key=len, reverse=True)))
    made, after = [], 0
    for start, end, value in _mentions(text, pattern, stands_for):
        made += [text[after:start], value]
        after = end
    return "".join([*made, text[after:]])


def _mentions(
    text: str, pattern: re.Pattern[str], stands_for: Mapping[tuple[str, str], str]
) -> Iterator[tuple[int, int, str]]:
    for found in pattern.finditer(text):
        label = next(name for name in {label for label, _ in stands_for} if _same_word(name, found["label"]))
        digits = _meant(label, found["digits"], bool(found["close"]), stands_for)
        if digits:
            whole = len(digits) == len(found["digits"])
            yield (
                found.start(),
                found.end() if whole else found.start("digits") + len(digits),
                stands_for[label, digits],
            )


def _meant(label: str, written: str, closed: bool, stands_for: Mapping[tuple[str, str], str]) -> str:
    """The digits meant: those written, or of the one placeholder that they begin with, with a suffix (`3F2Ade`)."""
    if (label, written.upper()) in stands_for:
        return written.upper()
    begin = [digits for name, digits in stands_for if name == label and written.upper().startswith(digits)]
    rest = written[len(begin[0]) :] if len(begin) == 1 else ""
    return begin[0] if rest and not closed and rest.isalpha() and rest.islower() else ""


def _pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join("".join("[Iiİı]" if char == "I" else re.escape(char) for char in name) for name in labels)
    gap = r"(?:\\?[_\s\-–]){0,2}"
    words = either.replace("_", gap)
    return re.compile(
        rf"(?:\[\s*)?(?<!\w)(?P<label>{words}){gap}(?P<digits>{_NUMBER}{{4,{LONGEST}}})(?!{_NUMBER})(?P<close>\s*\])?",
        re.IGNORECASE,
    )


def _same_word(label: str, written: str) -> bool:
    return normal_value("", label) == normal_value("", written)


def _free(name: Name, texts: Sequence[str]) -> tuple[str, str]:
    """Label and digits that no text of the row spells by itself: a person's own words are never taken for a name."""
    digits = name.digits
    while any(restore(text, {(name.label, digits): "\0"}) != text for text in texts):
        if len(digits) >= LONGEST:
            raise ValueError("the row spells every placeholder that there is")
        digits = name.all_digits[: len(digits) + _STEP]
    return name.label, digits


def _label(part: Part) -> str:
    return f"[{label_of(part.detector)}]"


def _replaced(text: str, found: Sequence[Part], placeholder: Callable[[Part], str]) -> str:
    made, after = [], 0
    for part in found:
        made += [text[after : part.start], placeholder(part)]
        after = part.end
    return "".join([*made, text[after:]])
