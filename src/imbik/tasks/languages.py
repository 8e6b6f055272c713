"""Which language texts are in: judged from the texts themselves, for a recipe that has yet to be written.

Enters: texts, and headers for where the texts do not tell. Leaves: an ISO 639-1 code; English where nothing tells.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from importlib import import_module

_ENOUGH = 40  # letters that a classifier needs to be worth asking
_LETTERS = {"tr": "ğışĞİŞ", "hu": "őűáéíóú", "sl": "čšž"}
_WORDS = {
    "tr": {"ve", "bir", "bu", "için", "icin", "ile", "kaç", "kac", "ne", "mi", "mı", "mu", "değil", "degil", "var",
           "yok", "çok", "cok", "da", "de", "nasıl", "nasil", "neden", "niye", "hangi", "kadar", "gibi", "ama", "daha",
           "istiyorum", "lütfen", "lutfen", "merhaba", "olarak", "oldu", "benim"},
    "en": {"the", "and", "is", "of", "to", "my", "a", "in", "how", "what", "i", "it", "for", "do", "can", "you"},
    "sl": {"in", "je", "na", "se", "da", "za", "ne", "ki", "kako", "ali", "so", "pa", "sem", "bi"},
    "hu": {"a", "az", "és", "hogy", "nem", "van", "egy", "is", "mi", "hány", "meg", "ez", "de", "ha"},
    "de": {"der", "die", "das", "und", "ist", "ich", "nicht", "ein", "zu", "mit", "wie"},
}  # fmt: skip


def guess_language(texts: Sequence[str], headers: Sequence[str] = ()) -> str:
    """ISO 639-1 code of most of the text: by py3langid where it is installed and there is text enough for it, else by
    letters and small words."""
    sample = unicodedata.normalize("NFC", "\n".join(texts[:300])[:20_000])
    if sum(map(str.isalpha, sample)) >= _ENOUGH and (code := _by_classifier(sample)):
        return code
    named = unicodedata.normalize("NFC", " ".join(headers))
    return _by_words(sample) or _by_words(named) or "en"


def _by_classifier(sample: str) -> str:
    """What py3langid says, '' where it is not installed."""
    try:
        classifier = import_module("py3langid")
    except ImportError:
        return ""
    code, _ = classifier.classify(sample)
    return str(code)


def _by_words(sample: str) -> str:
    """The language with most of its small words, '' for none; letters of its own count for them."""
    words = Counter(re.findall(r"\w+", sample.lower()))
    scores = {code: sum(words[word] for word in known) for code, known in _WORDS.items()}
    for code, letters in _LETTERS.items():
        scores[code] += sum(sample.count(letter) for letter in letters)
    best = max(scores, key=lambda code: scores[code])
    return best if scores[best] else ""
