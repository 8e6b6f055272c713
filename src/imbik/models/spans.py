"""Where each token of a row ends in what the assistant says, so that two tokenizers can be held against each other.

Enters: a tokenizer, a task, its answer. Leaves: the row's ids as `tokens.encode_row` gives them, and for each token of
the assistant's words the byte of their UTF-8 at which it ends. Bytes, because byte-level tokenizers cut characters
(the two bytes of `İ` may be two tokens). Where a tokenizer changes the text first (NFC, lower case), the place is that
of the text as it was, by whole characters; a token that ends within one ends nowhere that another could share.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from imbik.core.types import Task
from imbik.models.tokens import LossOn, Turns, Words, row_segments

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerFast

    from imbik.models.content import SafeEncoder

INSIDE = -1  # ends within a character that the tokenizer changed
CLOSE = 1 << 40  # the control token that closes the turn
_FALLBACK = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Mark(NamedTuple):
    """A token of the assistant's words in a message: the byte at which it ends, INSIDE, or CLOSE."""

    message: int
    end: int


class Marked(NamedTuple):
    """A row: `ids`, whether each is learned, and its mark (None: no token of the assistant's words)."""

    ids: list[int]
    learn: list[bool]
    marks: list[Mark | None]


def encode_marked(
    tokenizer: PreTrainedTokenizerFast,
    task: Task,
    text: str,
    *,
    turns: Turns = "all",
    loss_on: LossOn = "answer",
    class_tokens: Mapping[str, int] | None = None,
) -> Marked:
    """The ids of `encode_row` with their marks. An answer that is one class token has none."""
    segments, encoder, start = row_segments(
        tokenizer, task, text, turns=turns, loss_on=loss_on, class_tokens=class_tokens
    )
    row = Marked([], [], [])
    spoken: Words | None = None
    for content, learn, words in segments:
        if isinstance(content, int):
            ids, marks = [content], [None if spoken is None else Mark(spoken.message, CLOSE)]
        else:
            ids, marks = _marked(encoder, content, words, first=not row.ids) if content else ([], [])
        spoken = words
        row.ids.extend(ids)
        row.learn.extend([learn] * len(ids))
        row.marks.extend(marks)
    learned = [False] * len(start) + row.learn
    if loss_on == "all":
        learned = [True] * len(learned)
    return Marked([*start, *row.ids], learned, [*([None] * len(start)), *row.marks])


def spelling(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], bytes]:
    """What turns a token's spelling in this vocabulary into the bytes that it writes."""
    decoder = json.loads(tokenizer.backend_tokenizer.to_str()).get("decoder")
    return _byte_level if "ByteLevel" in json.dumps(decoder) else _sentence_piece


class Written(NamedTuple):
    """What a model wrote: the assistant's words, and for each of its tokens the byte of them at which it ends."""

    text: str
    ends: list[int | None]


def written(tokenizer: PreTrainedTokenizerFast, task: Task, ids: Sequence[int]) -> Written | None:
    """Of ids written after a task's prompt: their words up to the first control token, or the first byte that is no
    text (a letter cut in two), with what the template puts before words left out. None where there are none.
    """
    segments, encoder, _ = row_segments(tokenizer, task, "x", turns="last", loss_on="answer")
    content, words = next((one.content, one.words) for one in reversed(segments) if one.words is not None)
    assert isinstance(content, str)
    before = content[: words.zero].encode()
    spelled, ends, whole = spelling(tokenizer), list[int | None](), b""
    for at, token in enumerate(ids):
        if token in encoder.control_ids:
            ends += [CLOSE, *([None] * (len(ids) - at - 1))]
            break
        whole += spelled(str(tokenizer.convert_ids_to_tokens(token)))
        ends.append(len(whole) - len(before) if len(whole) > len(before) else None)
    if not whole.startswith(before):
        return None
    text, length = _text(whole.removeprefix(before))
    if length < len(whole) - len(before):
        ends = [end if end is not None and end <= length else None for end in ends]
    return Written(text, ends) if text else None


def _text(said: bytes) -> tuple[str, int]:
    """What of bytes is text, from the first on, and how many bytes that is."""
    try:
        return said.decode(), len(said)
    except UnicodeDecodeError as error:
        return said[: error.start].decode(), error.start


def _marked(
    encoder: SafeEncoder, content: str, words: Words | None, *, first: bool
) -> tuple[list[int], list[Mark | None]]:
    """A text segment's ids and marks."""
    encoding = encoder.encoding(content, first=first)
    if words is None:
        return encoding.ids, [None] * len(encoding.ids)
    before = len(content[: max(words.zero, 0)].encode()) - len(words.text[: max(-words.zero, 0)].encode())
    last = len(words.text.encode())
    marks: list[Mark | None] = []
    for end in token_ends(encoding, content):
        at = end - before
        inside = end == INSIDE or 0 < at <= last
        marks.append(Mark(words.message, INSIDE if end == INSIDE else at) if inside else None)
    return encoding.ids, marks


def token_ends(encoding: Encoding, text: str) -> list[int]:
    """The byte of a text's UTF-8 at which each of its tokens ends, or INSIDE."""
    wanted = text.encode()
    for spelled in (_byte_level, _sentence_piece):
        pieces = [spelled(piece) for piece in encoding.tokens]
        whole = b"".join(pieces)
        extra = len(whole) - len(wanted)
        if whole == wanted or (extra == 1 and whole == b" " + wanted):
            return [max(end - extra, 0) for end in accumulate(map(len, pieces))]
    return _by_characters(encoding.offsets, text)


def _by_characters(offsets: Sequence[tuple[int, int]], text: str) -> list[int]:
    """By the characters that a token is said to cover; it ends where no later token has a part of the same one.

    Marks that composing took into the letter before them (NFC) are said to be nobody's: they are that token's.
    """
    bytes_before = [0, *accumulate(len(character.encode()) for character in text)]
    ends, least = [], len(text)
    for begin, end in reversed(offsets):
        while end < least and unicodedata.combining(text[end]):
            end += 1
        ends.append(bytes_before[end] if end <= least else INSIDE)
        least = min(least, begin)
    return ends[::-1]


def _byte_level(piece: str) -> bytes:
    """The bytes of a token as byte-level tokenizers spell it."""
    known = _bytes_of_characters()
    return b"".join(known.get(character, character.encode()) for character in piece)


def _sentence_piece(piece: str) -> bytes:
    """The bytes of a token as SentencePiece spells it: a mark for the space, `<0xC4>` for a byte."""
    found = _FALLBACK.fullmatch(piece)
    return bytes([int(found[1], 16)]) if found else piece.replace("\u2581", " ").encode()


@cache
def _bytes_of_characters() -> dict[str, bytes]:
    """GPT-2's alphabet: printable bytes stand for themselves, the others for characters from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [number for number in range(256) if number not in printable]
    spelled = {number: chr(number) for number in printable}
    spelled |= {number: chr(256 + place) for place, number in enumerate(others)}
    return {character: bytes([number]) for number, character in spelled.items()}
