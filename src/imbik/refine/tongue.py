"""In which language is a text? Judged passage by passage, so that a text that changes its language is seen.

Enters: a text and the language that it should be in (ISO 639-1). Leaves: how many passages of about twelve words are in
that language, how many in another, and which. Formulas, code, addresses and quoted lines are not looked at. Small words
decide most passages of the four languages that they are known of; py3langid (naive Bayes over byte n-grams, Lui and
Baldwin 2012) decides the rest. A passage that may be in several languages counts for none.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from imbik.refine.phrases.small_words import OTHERS, SMALL_WORDS
from imbik.refine.phrases.wordlist import lower

PASSAGE_WORDS = 12
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Chinese and Japanese: no spaces between words
_WORD = re.compile(rf"[{_UNSPACED}]{{1,2}}|[^\W\d_{_UNSPACED}]{{2,}}")  # most words of these take two characters
_APART = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`|\$\$.*?\$\$|\\\[.*?\\\]|<[^<>\n]{1,200}>|https?://\S+", re.DOTALL)
_SURE, _AS_LIKELY, _SIGNS = 0.4, 0.3, 2
_KIN = {
    "tr": {"az", "crh", "tk"}, "en": {"pcm"}, "sl": {"hr", "bs", "sr"}, "hr": {"bs", "sr"}, "bs": {"hr", "sr"},
    "sr": {"hr", "bs"}, "no": {"nn", "da"}, "nn": {"no", "da"}, "da": {"no", "nn"}, "id": {"ms"}, "ms": {"id"},
    "az": {"tr"}, "cs": {"sk"}, "sk": {"cs"}, "ar": {"arz", "ary"}, "fa": {"ps"},
}  # fmt: skip


class Passages(NamedTuple):
    """Passages in the language wanted, in others (with a few words of the first), and those that may be in several."""

    wanted: int = 0
    others: int = 0
    unclear: int = 0
    language: str = ""
    shown: str = ""

    @property
    def share(self) -> float:
        """Of the passages whose language is clear, those in the language wanted; 1 where none is clear."""
        judged = self.wanted + self.others
        return self.wanted / judged if judged else 1.0


def passages(text: str, language: str, fewest: int) -> Passages:
    """Judge a text; one of fewer than `fewest` words is not judged at all."""
    prose = _APART.sub(" ", text) if any(sign in text for sign in "`$\\<:") else text
    words = _WORD.findall(lower(prose) if language == "tr" else prose.replace("İ", "i").lower())
    if len(words) < fewest:
        return Passages()
    count = max(1, len(words) // PASSAGE_WORDS)
    wanted, unclear, found, shown = 0, 0, Counter[str](), ""
    for at in range(count):
        passage = words[len(words) * at // count : len(words) * (at + 1) // count]
        named = _language(passage, language)
        if named == language:
            wanted += 1
        elif not named:
            unclear += 1
        else:
            found[named] += 1
            shown = shown or " ".join(passage[:8])
    return Passages(wanted, found.total(), unclear, found.most_common(1)[0][0] if found else "", shown)


def knows(language: str) -> bool:
    """Whether texts in this language can be told from others."""
    return language in SMALL_WORDS or language in _identifier().labels


def _language(words: list[str], wanted: str) -> str:
    """The language of a passage: `wanted` where it may well be that one, '' where it is not clear."""
    if known := SMALL_WORDS.get(wanted):
        signs, against = sum(map(known.__contains__, words)), sum(map(OTHERS[wanted].__contains__, words))
        if signs < _SIGNS and wanted == "tr":
            signs += _turkish_letters(words)
        if signs >= _SIGNS and signs >= 3 * against:
            return wanted
    likely = dict(_identifier().rank(" ".join(words)))
    best = max(likely, key=lambda name: likely[name])
    if best == wanted or likely.get(wanted, 0.0) >= _AS_LIKELY * likely[best]:
        return wanted
    if best in _KIN.get(wanted, ()) or likely[best] < _SURE:
        return ""
    return str(best)


def _turkish_letters(words: list[str]) -> int:
    """Words with ğ or ı in them: of written languages Turkish has these alone, but for its kin, whose ə tells them."""
    if "ə" in "".join(words):
        return 0
    return sum("ğ" in word or "ı" in word[1:] for word in words)  # a first ı may be the capital I of any language


@cache
def _identifier() -> Any:
    """Read once in a process (some 0.1 s)."""
    langid = import_module("py3langid.langid")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
