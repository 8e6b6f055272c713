"""What another text says in place of a claim, where it speaks of the same.

Enters: a claim with its own text, and another text. Leaves: the claim of the same kind that stands where ours should:
in the sentence that shares most words with ours, beside a unit or words like ours; None where no sentence is alike.
"""

from __future__ import annotations

from typing import NamedTuple

from imbik.refine.claims import Claim, sentences
from imbik.refine.claims.evidence import Evidence, Place, beginnings, roots
from imbik.refine.claims.laws import Article
from imbik.refine.claims.names import words_of
from imbik.tasks.dates import Date

_BESIDE = 40  # characters behind and before a claim that say what it is of
_FEWEST = 2  # words in common below which two sentences are about nothing together
_CLAUSE = 5  # words on either side of a claim that say most of what it is about


class Otherwise(NamedTuple):
    """The claim that stands in the place of ours, as it is written, and its sentence."""

    claim: Claim
    written: str
    sentence: str


def otherwise(
    claim: Claim, own: Evidence, other: Evidence, alike: float, common: frozenset[str] = frozenset()
) -> Otherwise | None:
    """The other text's claim in place of this one of our own, which it does not support; `alike`: share of our
    sentence's words, or of those round the claim, that its sentence must hold, and half of it where two dates differ in
    one part alone. What our text says too stands in nobody's place. `common` roots say nothing of what it is about."""
    text = own.text
    about, clause = _about(claim, text)
    best: tuple[float, float, Claim, Place] | None = None
    for start, end in other.sentences:
        there = beginnings(other.text[start:end])
        share = max(_share(about, there, common, _FEWEST), _share(clause, there, common, _FEWEST + 1))
        if share < alike / 2:
            continue
        for rival in other.claims:
            if not start <= rival.start < end or not _comparable(claim, rival):
                continue
            if share < alike and not _one_part_apart(claim, rival):
                continue
            if own.support(rival, other.text) is None:
                beside = _likeness(claim, text, rival, other.text)
                if beside and (best is None or (share, beside) > best[:2]):
                    best = (share, beside, rival, (start, end))
    if best is None:
        return None
    _, _, rival, (start, end) = best
    return Otherwise(rival, other.text[rival.start : rival.end], " ".join(other.text[start:end].split()))


def _about(claim: Claim, text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The roots of the claim's sentence without those of the claim, and of the words round it."""
    for start, end in sentences(text):
        if start <= claim.start < end:
            before, behind = text[start : claim.start].split(), text[claim.end : end].split()
            near = " ".join([*before[-_CLAUSE:], *behind[: _CLAUSE + 1]])  # behind it an ending may stand first
            return roots(" ".join([*before, *behind])), roots(near)
    return frozenset(), frozenset()


def _share(mine: frozenset[str], theirs: frozenset[str], common: frozenset[str], fewest: int) -> float:
    """Of our roots that are not common, those that stand there too; 0 where all in common are too few to be about one
    thing."""
    both = mine & theirs
    return len(both - common) / max(len(mine - common), 1) if len(both) >= fewest else 0.0


def _one_part_apart(claim: Claim, rival: Claim) -> bool:
    """Whether two dates differ in the day, the month or the year alone: hardly by chance."""
    if not isinstance(claim.value, Date) or not isinstance(rival.value, Date):
        return False
    return sum(mine == theirs != 0 for mine, theirs in zip(claim.value, rival.value, strict=True)) == 2


def _comparable(claim: Claim, rival: Claim) -> bool:
    """Whether the two could stand in one place: the same kind, and years with years."""
    if claim.kind != rival.kind:
        years = {claim.kind, rival.kind} == {"date", "number"}
        return years and any(_is_year(one) for one in (claim, rival)) and _has_year(claim) and _has_year(rival)
    if isinstance(claim.value, Article) and isinstance(rival.value, Article):
        return not claim.value.law or not rival.value.law or claim.value.law == rival.value.law
    if claim.kind == "number":
        return _is_year(claim) == _is_year(rival)
    return True


def _is_year(claim: Claim) -> bool:
    return claim.kind == "number" and not isinstance(claim.value, str | Article | Date) and 1000 <= claim.value <= 2100


def _has_year(claim: Claim) -> bool:
    return _is_year(claim) or (isinstance(claim.value, Date) and bool(claim.value.year))


def _likeness(claim: Claim, text: str, rival: Claim, other: str) -> float:
    """How alike what stands beside them is: the word behind a number counts most, since it says what is counted."""
    behind, there = _next_word(text, claim.end), _next_word(other, rival.end)
    mine = roots(text[max(0, claim.start - _BESIDE) : claim.end + _BESIDE])
    theirs = beginnings(other[max(0, rival.start - _BESIDE) : rival.end + _BESIDE])
    same = bool(behind) and behind == there
    if claim.kind == "number" and not _is_year(claim) and behind and there and not same:
        return 0.0  # 53 gün and 18 subay are not one fact
    return 0.1 + len(mine & theirs) + 5.0 * same


def _next_word(text: str, end: int) -> str:
    """The root of the word behind a claim, where one follows at once."""
    following = text[end : end + 24]
    if not following[:1].isspace():
        return ""
    return next((word[:4] for word, start, _ in words_of(following) if start <= 1), "")
