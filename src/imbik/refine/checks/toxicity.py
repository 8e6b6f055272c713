"""Toxicity: an answer holds no word of a list: swearing and slurs in Turkish and English, and a list of one's own.

Enters: one sample. Leaves: a verdict that names the word, with spans. Whole words with their endings, also masked ones
(see `refine.phrases.wordlist`). A list knows words, not their use: a text may be cruel without any, and a
novel may need them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from imbik.core.errors import InputError
from imbik.core.plugins import PluginSettings, RecipePath
from imbik.core.types import Sample, Span, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.phrases.wordlist import WordList, shipped


class Toxicity:
    """Rejects texts with words of the lists in them."""

    class Settings(PluginSettings):
        """Which lists, and what of them."""

        lists: list[Literal["tr", "en"]] = Field(["tr", "en"], description="lists that ship with imbik")
        words: RecipePath = Field("", description="file of your own words, one a line, written as in those lists")
        mild: bool = Field(False, description="mild insults count too (aptal, salak, idiot, stupid)")
        allow: list[str] = Field([], description="words of the lists that are let pass")
        most: int = Field(0, ge=0, description="such words that a sample may hold")

    version = 2
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def files(self, base: Path) -> Sequence[Path]:
        """The user's own list."""
        return [base / Path(self.settings.words).expanduser()] if self.settings.words else []

    def verify(self, base: Path) -> None:
        """Raises: InputError for a list that cannot be read, or lists without any word."""
        if not self._list(base).written:
            raise InputError(
                "no word is looked for", where="refine: toxicity", next="name lists: [tr, en], or a file with `words:`"
            )

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:
        """Rejects with the first word."""
        wanted = self._list(context.base)
        parts: tuple[tuple[Literal["answer", "reasoning"], str], ...] = (
            ("reasoning", sample.reasoning),
            ("answer", sample.answer),
        )
        spans = [
            Span(start=found.start, end=found.end, note=found.word, part=part, doubted=True)
            for part, text in parts
            for found in wanted.find(text)
        ]
        if len(spans) <= self.settings.most:
            return Verdict(by="toxicity", keep=True, spans=tuple(spans))
        more = f" (and {len(spans) - 1} more such words)" if len(spans) > 1 else ""
        reason = f"the {spans[0].part} says '{spans[0].note}'{more}"
        return Verdict(by="toxicity", keep=False, reason=reason, spans=tuple(spans))

    def _list(self, base: Path) -> WordList:
        own = next(iter(self.files(base)), None)
        return _read(tuple(self.settings.lists), own, self.settings.mild, tuple(self.settings.allow))


@lru_cache(maxsize=16)
def _read(lists: tuple[str, ...], own: Path | None, mild: bool, allow: tuple[str, ...]) -> WordList:
    """All words, read once in a process."""
    found = WordList([])
    for language in lists:
        found.add(WordList(shipped(language), language=language, mild=mild, allow=allow))
    if own is not None:
        try:
            lines = own.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"this list of words cannot be read ({type(error).__name__})", where=str(own),
                next="name a file of UTF-8 text under refine.toxicity.words",
            ) from None  # fmt: skip
        found.add(WordList(lines, allow=allow))
    return found
