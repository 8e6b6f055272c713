"""Words of a list found in texts as whole words, with their endings and behind the usual masks.

Enters: lines of a list and a text. Leaves: where such words stand. `yavşak` stands in `yavşağın` and in `YAVŞAKLAR`,
`göt` not in `götür`: Turkish endings are those of nouns, and what is no ending is another word. Letters without their
marks (`serefsiz`), with digits and signs for letters (`@pt4l`), spread (`a.p.t.a.l`), drawn out (`aptaaal`) or starred
(`s*ktir`) are read as what they mean; `ı` and `i` stay two letters, for `sık` is a word of every day.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, NamedTuple

_WORD = re.compile(r"[^\W_]+")
_MASKED = re.compile(r"[^\W_][^\W_@$!*|+.'’-]*(?:[@$!*|+]+[^\W_]+)+[@$]?|[@$][^\W_]+(?:[@$!*|+][^\W_]*)*")
_SPREAD = re.compile(r"(?<![^\W_])[^\W\d_](?:(?:[.*_-]|[ \t])[^\W\d_]){2,}(?![^\W_])")
# RE2: a text without any of these hides no word.
_HIDDEN = (
    r"\pL[@$!*|+]\pL|\pL[@$!*|+]{2}|[@$]\pL|\pL[0134578]+\pL|"
    r"(?:^|[^\pL])\pL[.*_ \t-]\pL[.*_ \t-]\pL(?:[^\pL]|$)|"
    + "|".join(letter * 3 for letter in "abcçdefgğhıijklmnoöprsştuüvyzqwx")
)
_SIGNS = str.maketrans({"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "|": "i", "0": "o", "$": "s", "5": "s",
                        "7": "t", "+": "t", "8": "b"})  # fmt: skip
_MARKS = str.maketrans("çğıöşüâîû", "cgiosuaiu")
_DRAWN = re.compile(r"(.)\1{2,}")
_SOFT = {"p": "b", "ç": "c", "t": "d", "k": "ğ"}
_TR = (
    r"(?:l[ıiuü](?:[kğ])?|c[ıiuü]|ç[ıiuü]|s[ıiuü]z|ç[ae]|c[ae])?(?:l[ae]r)?"
    r"(?:s?[ıiuü]|[ıiuü]?[mn](?:[ıiuü]z)?)?(?:[yn]?[ıiuüae]|n?[dt][ae]n?|n?[ıiuü]n|y?l[ae]|n?[dt][ae]ki)?"
    r"(?:[dt][ıiuü]r|y?[dt][ıiuü]|y?m[ıiuü]ş|s[ıiuü]n(?:[ıiuü]z)?|y?[ıiuü]m)?(?:l[ae]r)?"
)
_EN = r"(?:s|es|'s|ed|d|er|ers|ing|in|y|ish)?"
_VOWELS = "aeıioöuü"
_HEAD = 3


class Entry(NamedTuple):
    """A word of the list as it is looked for: the words before its last one, that one, and what may follow it."""

    before: tuple[str, ...]
    stem: str
    ending: str
    written: str


class Found(NamedTuple):
    """A word of the list, and the characters [start, end) where it stands."""

    word: str
    start: int
    end: int


class WordList:
    """All words of some lists; a line's signs are explained at the head of the lists that ship."""

    def __init__(
        self, lines: Iterable[str], *, language: str = "tr", mild: bool = True, allow: Sequence[str] = ()
    ) -> None:
        allowed = {lower(word) for word in allow}
        self._by_head: dict[str, list[Entry]] = defaultdict(list)
        for line in lines:
            for entry in _entries(line.strip(), language, mild):
                if entry.written not in allowed:
                    self._by_head[entry.stem[:_HEAD]].append(entry)

    def add(self, other: WordList) -> None:
        """Look for another list's words too."""
        for head, entries in other._by_head.items():
            self._by_head[head].extend(entries)
        self.__dict__.pop("_head", None)

    @property
    def written(self) -> set[str]:
        """The words, as the list has them."""
        return {entry.written for entries in self._by_head.values() for entry in entries}

    def find(self, text: str) -> list[Found]:
        """Words of the list in the order in which they stand."""
        plain = lower(text)
        if len(plain) != len(text):  # letters with loose marks: places are those of the composed text
            text = unicodedata.normalize("NFC", text)
            plain = lower(text)
        found = []
        heads = self._by_head
        words = [match.span() for match in _WORD.finditer(plain)] if self._head.search(plain) else []
        for at, (start, end) in enumerate(words):
            for entry in heads.get(plain[start : min(end, start + _HEAD)], ()):
                if _stands(entry, plain[start:end]) and _before(entry, plain, words, at):
                    found.append(Found(entry.written, words[at - len(entry.before)][0], end))
                    break
        if _hidden().search(plain):
            found += self._masked(plain)
        return sorted(set(found), key=lambda item: (item.start, item.end))

    @cached_property
    def _head(self) -> Any:
        """RE2: a text without any of these word beginnings holds no word of the list that is not masked."""
        import re2

        heads = "|".join(map(re.escape, sorted(self._by_head))) or r"\z\A."
        return re2.compile(rf"(?:^|[^\pL\pN])(?:{heads})")

    def _masked(self, plain: str) -> Iterator[Found]:
        """Words behind signs, digits, spaces and letters drawn out."""
        for pattern in (_MASKED, _SPREAD, _WORD):
            for match in pattern.finditer(plain):
                for word in _unmasked(match[0], spread=pattern is _SPREAD):
                    if entry := self._alone(word):
                        yield Found(entry.written, *match.span())
                        break

    def _alone(self, word: str) -> Entry | None:
        """The one-word entry that a word is; `*` stands for one letter where the rest of a long word is there."""
        if "*" in word:
            if len(word) - word.count("*") < 3:
                return None
            shape = re.compile(re.escape(word).replace(r"\*", r"[^\W_]"))
            entries = (entry for found in self._by_head.values() for entry in found)
            return next((entry for entry in entries if not entry.before and shape.fullmatch(entry.stem)), None)
        for entry in self._by_head.get(word[:_HEAD], ()):
            if not entry.before and _stands(entry, word):
                return entry
        return None


def lower(text: str) -> str:
    """Composed, and in the lower case of Turkish: I is ı, İ is i."""
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return text.replace("İ", "i").replace("I", "ı").lower()


def shipped(language: str) -> list[str]:
    """The lines of the list that ships for a language (`tr`, `en`)."""
    text = files("imbik.refine.phrases").joinpath(f"toxic_{language}.txt").read_text(encoding="utf-8")
    return text.splitlines()


def _entries(line: str, language: str, mild: bool) -> Iterator[Entry]:
    """What one line of a list looks for."""
    if not line or line.startswith("#"):
        return
    signs = line[: len(line) - len(line.lstrip("=~^"))]
    word = lower(line[len(signs) :])
    if "~" in signs and not mild:
        return
    written = word.rstrip("*")
    ending = "*" if word.endswith("*") else "" if "=" in signs else language
    forms = [written]
    if "^" not in signs and (bare := written.translate(_MARKS)) != written:
        forms.append(bare)
    if language == "en" and "i" in written:
        forms.append(written.replace("i", "ı"))  # from capitals
    for form in forms:
        *before, stem = form.split()
        yield Entry(tuple(before), stem, ending, written)
        if ending == "tr" and stem[-1] in _SOFT and sum(letter in _VOWELS for letter in stem) > 1:  # boğa is no bok
            for soft in {_SOFT[stem[-1]], _SOFT[stem[-1]].translate(_MARKS)} - {""}:
                yield Entry(tuple(before), stem[:-1] + soft, "tr soft", written)


def _stands(entry: Entry, word: str) -> bool:
    """Whether a word is the entry with at most an ending that it may have."""
    if not word.startswith(entry.stem):
        return False
    rest = word[len(entry.stem) :]
    return (not rest and entry.ending != "tr soft") or bool(entry.ending and _ending(entry.ending).fullmatch(rest))


def _before(entry: Entry, plain: str, words: Sequence[tuple[int, int]], at: int) -> bool:
    """Whether the words before the last one are those of the entry."""
    size = len(entry.before)
    if size > at:
        return False
    spans = words[at - size : at]
    return all(plain[start:end] == word for (start, end), word in zip(spans, entry.before, strict=True))


def _unmasked(found: str, *, spread: bool) -> Iterator[str]:
    """What a masked word may mean."""
    joined = re.sub(r"[.*_ \t-]", "", found) if spread else found
    read = joined.translate(_SIGNS)
    for form in dict.fromkeys((read, read.replace("i", "l") if read != joined else read)):
        yield form
        for times in (r"\1", r"\1\1"):
            short = _DRAWN.sub(times, form)
            if short != form:
                yield short


@cache
def _ending(name: str) -> re.Pattern[str]:
    patterns = {"*": ".*", "tr": _TR, "tr soft": rf"(?=[ıiuüae]){_TR}", "en": _EN}
    return re.compile(patterns[name])


@cache
def _hidden() -> Any:
    import re2

    return re2.compile(_HIDDEN)
