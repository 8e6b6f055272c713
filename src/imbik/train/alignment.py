"""Which tokens of two tokenizers say the same bytes, and which tokens both vocabularies have.

Enters: a row as student and teacher encode it, with marks (`models.spans`); two tokenizers. Leaves: groups, the
smallest runs of tokens of either side that begin and end at the same bytes of the assistant's words, with the control
tokens that close a turn as a group of their own; and the pairs of ids that write the same. Tokens of the templates,
and what stands after the last place where both sides cut, are in no group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from imbik.models.spans import CLOSE, INSIDE, Mark, spelling
from imbik.models.template import skeletons

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class Group(NamedTuple):
    """Tokens, by their places in the two rows, that say the same bytes."""

    mine: list[int]
    theirs: list[int]


def aligned(mine: Sequence[Mark | None], theirs: Sequence[Mark | None]) -> list[Group]:
    """The groups of a row, in order."""
    ours, others = _by_message(mine), _by_message(theirs)
    groups: list[Group] = []
    for message, tokens in ours.items():
        groups += _groups(tokens, others.get(message, []))
    return groups


def _by_message(marks: Sequence[Mark | None]) -> dict[int, list[tuple[int, int]]]:
    """For each message its tokens as (place, end)."""
    found: dict[int, list[tuple[int, int]]] = {}
    for place, mark in enumerate(marks):
        if mark is not None:
            found.setdefault(mark.message, []).append((place, mark.end))
    return found


def _groups(mine: Sequence[tuple[int, int]], theirs: Sequence[tuple[int, int]]) -> list[Group]:
    """Cut both where both end; a closing token is a group with the other, whatever stands before it."""
    common = {end for _, end in mine} & {end for _, end in theirs} - {INSIDE}
    cut = [_cut(side, common) for side in (mine, theirs)]
    return [Group(own, other) for own, other in zip(*cut, strict=True)]


def _cut(tokens: Sequence[tuple[int, int]], common: set[int]) -> list[list[int]]:
    """Runs of places that end at `common`, the last of several tokens that end at one byte counting."""
    last = {end: place for place, end in tokens}
    runs: list[list[int]] = [[]]
    for place, end in tokens:
        if end == CLOSE:
            runs[-1] = []
        runs[-1].append(place)
        if end in common and last[end] == place:
            runs.append([])
    return runs[:-1]


def shared_tokens(mine: PreTrainedTokenizerFast, theirs: PreTrainedTokenizerFast) -> list[tuple[int, int]]:
    """Pairs (student's id, teacher's id) of tokens that write the same bytes, and of what closes a turn; each id once.

    Control tokens are not paired by their spelling: `</s>` may be the end for one and nothing for the other.
    """
    ours, others = _by_bytes(mine), _by_bytes(theirs)
    pairs = [(number, others[written]) for written, number in ours.items() if written in others]
    return sorted([*pairs, (_closing(mine), _closing(theirs))])


def _by_bytes(tokenizer: PreTrainedTokenizerFast) -> dict[bytes, int]:
    """The id of each token but control tokens by the bytes it writes; a whole token goes before one of a byte alone."""
    written, control = spelling(tokenizer), tokenizer.get_added_vocab()
    pieces = [(piece, number) for piece, number in tokenizer.get_vocab().items() if piece not in control]
    pieces.sort(key=lambda item: (not item[0].startswith("<0x"), -item[1]))
    return {written(piece): number for piece, number in pieces}


def _closing(tokenizer: PreTrainedTokenizerFast) -> int:
    """The token that closes an assistant's turn."""
    after = skeletons(tokenizer).turn(("user",)).after
    control = next((piece for piece in after if isinstance(piece, int)), None)
    return int(tokenizer.eos_token_id if control is None else control)
