"""Turkish suffixes for names, nouns and numbers.

A word and the name of a suffix enter; the inflected word leaves, with vowel harmony, buffer letters,
hardening (``-dan``/``-tan``), softening of common nouns (``kitap`` -> ``kitabı``) and the apostrophe that
names and numbers take. Phrasings use it through format fields such as ``{name:gen}`` or ``{thing:poss}``,
so that a template reads like the sentence it makes.
"""

from __future__ import annotations

VOWELS = "aeıioöuü"
HARD = "fstkçşhp"
ROUNDED = {"a": "ı", "ı": "ı", "e": "i", "i": "i", "o": "u", "u": "u", "ö": "ü", "ü": "ü"}
SOFTENED = {"p": "b", "ç": "c", "k": "ğ"}
SOFT_STEMS = {"armut": "armud"}
# Words of Arabic origin whose last consonant is fronted: their suffixes take front vowels (``Kemal'in``, ``saati``).
FRONTED = {"a": "e", "o": "ö", "u": "ü"}
FRONTED_WORDS = {"kemal", "nihal", "saat"}
DIGIT_WORDS = ("sıfır", "bir", "iki", "üç", "dört", "beş", "altı", "yedi", "sekiz", "dokuz")
TEN_WORDS = ("", "on", "yirmi", "otuz", "kırk", "elli", "altmış", "yetmiş", "seksen", "doksan")

CASES = ("gen", "dat", "acc", "loc", "abl", "poss", "pl")


def lower(text: str) -> str:
    """Lower case as Turkish has it: ``I`` -> ``ı``, ``İ`` -> ``i``."""
    return text.replace("I", "ı").replace("İ", "i").lower()


def capitalise(text: str) -> str:
    """Upper-case the first letter as Turkish has it: ``iki`` -> ``İki``."""
    return {"i": "İ", "ı": "I"}.get(text[:1], text[:1].upper()) + text[1:]


def capitalise_sentences(text: str) -> str:
    """Start every sentence of `text` with a capital; a sentence ends with ``.`` or ``?`` and a space."""
    for end in (". ", "? "):
        text = end.join(capitalise(part) for part in text.split(end))
    return text


def spoken(number: int) -> str:
    """The last word of a non-negative number read aloud (``45`` -> ``beş``): what its suffix agrees with."""
    if number % 10 or number == 0:
        return DIGIT_WORDS[number % 10]
    if number % 100:
        return TEN_WORDS[number // 10 % 10]
    return "yüz" if number % 1000 else "bin"


def suffix(word: str, case: str, *, after_possessive: bool = False) -> str:
    """The ending that `word` takes in `case`.

    Cases: gen(itive), dat(ive), acc(usative), loc(ative), abl(ative), poss(essive, third person), pl(ural).
    After a third person possessive every case takes ``n`` (``bilyesi`` -> ``bilyesini``, ``bilyesinden``).
    Raises ValueError for a case or a word without a vowel.
    """
    small = lower(word)
    vowel = next((letter for letter in reversed(small) if letter in VOWELS), None)
    if vowel is None:
        raise ValueError(f"{word!r} has no vowel to agree with")
    if small in FRONTED_WORDS:
        vowel = FRONTED[vowel]
    close, open_ = ROUNDED[vowel], "a" if vowel in "aıou" else "e"
    ends_open = small[-1] in VOWELS
    stop = "t" if small[-1] in HARD else "d"
    if after_possessive:
        endings = {
            "gen": f"n{close}n",
            "dat": f"n{open_}",
            "acc": f"n{close}",
            "loc": f"nd{open_}",
            "abl": f"nd{open_}n",
        }
    else:
        endings = {
            "gen": ("n" if ends_open else "") + f"{close}n",
            "dat": ("y" if ends_open else "") + open_,
            "acc": ("y" if ends_open else "") + close,
            "loc": stop + open_,
            "abl": stop + open_ + "n",
            "poss": ("s" if ends_open else "") + close,
            "pl": f"l{open_}r",
        }
    if case not in endings:
        raise ValueError(f"unknown suffix {case!r}; known: {', '.join(endings)}")
    return endings[case]


def soften(noun: str) -> str:
    """The stem that a common noun shows before a vowel: ``tabak`` -> ``tabağ``; ``top`` stays ``top``."""
    if noun in SOFT_STEMS:
        return SOFT_STEMS[noun]
    syllables = sum(letter in VOWELS for letter in noun.split()[-1])
    if noun.endswith("nk"):
        return noun[:-1] + "g"
    return noun if syllables < 2 or noun[-1] not in SOFTENED else noun[:-1] + SOFTENED[noun[-1]]


def endings(word: str, spec: str, *, softens: bool) -> str:
    """`word` with the dotted suffixes of `spec` in turn (``poss.acc``: ``tabak`` -> ``tabağını``)."""
    possessed = False
    for case in filter(None, spec.split(".")):
        ending = suffix(word, case, after_possessive=possessed)
        word = (soften(word) if softens and not possessed and ending[0] in VOWELS else word) + ending
        possessed = case == "poss"
    return word


class Noun(str):
    """A common noun; ``f"{noun:poss.acc}"`` inflects it step by step."""

    def __format__(self, spec: str) -> str:
        return endings(str(self), spec, softens=True)


def apostrophe(written: str, read: str, spec: str) -> str:
    """`written` with an apostrophe and the suffixes that agree with how it is read aloud."""
    return f"{written}'{endings(read, spec, softens=False)[len(read) :]}" if spec else written


class Name(str):
    """A proper name; its suffix stands after an apostrophe and never softens it (``Zeynep'in``)."""

    def __format__(self, spec: str) -> str:
        return apostrophe(str(self), str(self), spec)


class Number(int):
    """A number in digits; its suffix agrees with the number read aloud (``45'i``, ``60'tan``)."""

    def __format__(self, spec: str) -> str:
        return apostrophe(str(int(self)), spoken(int(self)), spec)
