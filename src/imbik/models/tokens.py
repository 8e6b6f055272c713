"""Token ids of prompts and training rows: the one encoding that teachers, students and evaluation share.

Enters: messages or a task, and the text that answers it. Leaves: ids, and for rows which of them are learned. Content
never becomes control tokens (see `content`). The encoding of a prompt is always a prefix of the encoding of its row: a
token boundary stands before every assistant's text, so that a student meets in use exactly what it met in training.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from imbik.core.errors import ModelError
from imbik.core.files import digest
from imbik.core.types import Message, Task
from imbik.models.content import SafeEncoder, safe_encoder
from imbik.models.template import Piece, Turn, adds_start, fill, skeletons

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_FIELD = re.compile(r"\{([^{}\n]+)\}")
Turns = Literal["all", "last"]
LossOn = Literal["answer", "all"]


class Encoded(NamedTuple):
    """A row: `ids`; `learn[i]` where token i is a label (predicted from the tokens before it); `answer[i]` where it is
    the assistant's (what is learned unless all of the text is).
    """

    ids: list[int]
    learn: list[bool]
    answer: list[bool]


class Words(NamedTuple):
    """What the assistant says in a segment: `text` of the message of this number, whose first character would stand at
    character `zero` of the segment (below 0: a template trimmed what stood before).
    """

    message: int
    text: str
    zero: int


class Segment(NamedTuple):
    """A run of text or one control token that is encoded by itself, whether it is learned, and whose words it is."""

    content: str | int
    learn: bool
    words: Words | None = None


def encode_prompt(tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message]) -> list[int]:
    """Ids of a conversation up to where the assistant's text begins.

    Raises: ModelError when the chat template cannot write these roles.
    """
    history = _history(messages)
    skeleton = skeletons(tokenizer)
    turn = skeleton.turn(tuple(message.role for message in history))
    return _encode(_chat_segments(turn.prompt, history, learn_turns=False), skeleton.encoder).ids


def encode_task_prompt(tokenizer: PreTrainedTokenizerFast, task: Task) -> list[int]:
    """Ids of a bare task: by the chat template, or by the task's own text template up to the learned column."""
    if not task.template:
        return encode_prompt(tokenizer, task.messages)
    prompt, _ = _template_segments(tokenizer, task, "")
    return _encode(prompt, safe_encoder(tokenizer), _start(tokenizer, prompt)).ids


def encode_row(
    tokenizer: PreTrainedTokenizerFast,
    task: Task,
    text: str,
    *,
    turns: Turns = "all",
    loss_on: LossOn = "answer",
    class_tokens: Mapping[str, int] | None = None,
) -> Encoded:
    """Ids of a task answered by `text`, ended as the template ends a turn; `turns` and `loss_on` say what is learned.

    A `text` that is exactly a label of `class_tokens` becomes that one token.
    """
    segments, encoder, start = row_segments(
        tokenizer, task, text, turns=turns, loss_on=loss_on, class_tokens=class_tokens
    )
    encoded = _encode(segments, encoder, start)
    return encoded._replace(learn=[True] * len(encoded.ids)) if loss_on == "all" else encoded


def row_segments(
    tokenizer: PreTrainedTokenizerFast,
    task: Task,
    text: str,
    *,
    turns: Turns,
    loss_on: LossOn,
    class_tokens: Mapping[str, int] | None = None,
) -> tuple[list[Segment], SafeEncoder, list[int]]:
    """What a row is encoded from, piece by piece; who encodes it; ids that stand before it."""
    answer: str | int = (class_tokens or {}).get(text, text)
    if task.template:
        prompt, answered = _template_segments(tokenizer, task, answer, whole=loss_on == "all")
        return [*prompt, *answered], safe_encoder(tokenizer), _start(tokenizer, prompt)
    history = _history(task.messages)
    skeleton = skeletons(tokenizer)
    turn = skeleton.turn(tuple(message.role for message in history))
    prompt = _chat_segments(turn.prompt, history, learn_turns=turns == "all")
    return [*prompt, *_answer_segments(tokenizer, turn, answer, len(history))], skeleton.encoder, []


def encode_answer(
    tokenizer: PreTrainedTokenizerFast, task: Task, text: str, *, class_tokens: Mapping[str, int] | None = None
) -> list[int]:
    """Ids of an answer and what closes its turn: what a task's row has after its prompt."""
    row = encode_row(tokenizer, task, text, turns="last", class_tokens=class_tokens)
    return row.ids[len(encode_task_prompt(tokenizer, task)) :]


def token_hash(ids: Sequence[int]) -> str:
    """What tells one row's token ids from another's (first 16 hex digits of SHA-256 over 32-bit ids)."""
    return digest(array("I", ids).tobytes())[:16]


def stop_ids(tokenizer: PreTrainedTokenizerFast) -> frozenset[int]:
    """Token ids that end an assistant's turn: the end-of-text token and what the chat template closes a turn with."""
    found = {tokenizer.eos_token_id}
    closing = next((piece for piece in skeletons(tokenizer).turn(("user",)).after if isinstance(piece, int)), None)
    return frozenset(number for number in (*found, closing) if number is not None)


def _history(messages: Sequence[Message]) -> Sequence[Message]:
    """The messages before the turn that is answered: a recorded last assistant turn is what the answer replaces."""
    return messages[:-1] if messages and messages[-1].role == "assistant" else messages


def _chat_segments(pieces: Sequence[Piece], history: Sequence[Message], *, learn_turns: bool) -> list[Segment]:
    """Prompt pieces as segments: every assistant's text stands by itself, all other text runs together.

    A learned earlier turn takes the control token that closes it along.
    """
    segments: list[Segment] = []
    open_turn = apart = False
    for content, index in fill(pieces, [message.content for message in history]):
        assistant = index >= 0 and history[index].role == "assistant"
        if isinstance(content, int):
            segments.append(Segment(content, open_turn))
            open_turn = apart = False
        elif assistant:
            segments.append(Segment(content, learn_turns, _words(index, history[index].content, content, 0)))
            open_turn, apart = learn_turns, True
        elif not apart and segments and isinstance(segments[-1].content, str):
            segments[-1] = Segment(segments[-1].content + content, False)
        else:
            segments.append(Segment(content, False))
            apart = False
            open_turn = open_turn and not content.strip()
    return segments


def _answer_segments(tokenizer: PreTrainedTokenizerFast, turn: Turn, answer: str | int, index: int) -> list[Segment]:
    """The answered turn, all learned: what the template writes before it, the answer, and what closes the turn."""
    contents = [""] * index + [answer if isinstance(answer, str) else ""]
    filled = [content for content, _ in fill(turn.after, contents)]
    text = [answer] if isinstance(answer, int) else [turn.before + str(filled[0])]
    closing: list[str | int] = []
    for content in filled[1:]:
        closing.append(content)
        if isinstance(content, int):
            break
    if not closing or isinstance(closing[-1], str):
        closing = [_end_token(tokenizer)]
    words = _words(index, answer, str(filled[0]), len(turn.before)) if isinstance(answer, str) else None
    joined = _joined([*text, *closing])
    return [Segment(content, True, None if number else words) for number, content in enumerate(joined)]


def _words(message: int, text: str, filled: str, at: int) -> Words:
    """The words of a message that fill a slot, trimmed or not, at character `at` of a segment."""
    return Words(message, text, at - max(text.find(filled), 0))


def _joined(contents: Sequence[str | int]) -> list[str | int]:
    """Neighbouring texts as one, so that they are encoded as one."""
    joined: list[str | int] = []
    for content in contents:
        if isinstance(content, str) and joined and isinstance(joined[-1], str):
            joined[-1] += content
        else:
            joined.append(content)
    return joined


def _template_segments(
    tokenizer: PreTrainedTokenizerFast, task: Task, answer: str | int, *, whole: bool = False
) -> tuple[list[Segment], list[Segment]]:
    """A text template's segments before the learned column, and from it on.

    What follows the learned column is kept when that column is the last (it closes the text) or all text is learned.
    """
    encoder = safe_encoder(tokenizer)
    parts = _FIELD.split(task.template)
    known = {*task.fields, task.learn}
    fields = [number for number in range(1, len(parts), 2) if parts[number] in known]
    at = next((number for number in fields if parts[number] == task.learn), len(parts))
    before = _template_contents(encoder, parts[:at], task)
    tail: list[str | int] = []
    if whole or at == max(fields, default=0):
        tail = _template_contents(encoder, ["", "", *parts[at + 1 :]], task)
    if not whole:
        stops = stop_ids(tokenizer)
        closing = next((number for number, content in enumerate(tail) if content in stops), len(tail))
        tail = tail[: closing + 1]
    space = _take_trailing_space(before)
    answered: list[str | int] = [space + answer, *tail] if isinstance(answer, str) else [answer, *tail]
    words = Words(0, answer, len(space)) if isinstance(answer, str) else None
    if not (tail and tail[-1] in stop_ids(tokenizer)):
        answered.append(_end_token(tokenizer))
    kept = [content for content in _joined(answered) if content != ""]
    return (
        [Segment(content, False) for content in _joined(before)],
        [Segment(content, True, None if number else words) for number, content in enumerate(kept)],
    )


def _template_contents(encoder: SafeEncoder, parts: Sequence[str], task: Task) -> list[str | int]:
    """Alternating literals and column names as texts and control tokens; only literals may hold control tokens."""
    contents: list[str | int] = []
    for number, part in enumerate(parts):
        if number % 2 == 0:
            contents.extend(encoder.split(part))
        elif part:
            contents.append(task.fields.get(part, "{" + part + "}"))
    return contents


def _take_trailing_space(contents: list[str | int]) -> str:
    """Spaces before the learned column belong to its first token in nearly every vocabulary: moved there."""
    if not contents or not isinstance(contents[-1], str):
        return ""
    kept = contents[-1].rstrip(" ")
    space = contents[-1][len(kept) :]
    contents[-1] = kept
    return space


def _end_token(tokenizer: PreTrainedTokenizerFast) -> int:
    if tokenizer.eos_token_id is None:
        raise ModelError(
            "the tokenizer has no end-of-text token, so a student could never learn where an answer ends",
            where=str(tokenizer.name_or_path),
            next="set eos_token in tokenizer_config.json",
        )
    return int(tokenizer.eos_token_id)


def _start(tokenizer: PreTrainedTokenizerFast, prompt: Sequence[Segment]) -> list[int]:
    """The start token that the tokenizer would put before a text template, unless the template writes it itself."""
    start = tokenizer.bos_token_id
    if start is None or not adds_start(tokenizer) or (prompt and prompt[0].content == start):
        return []
    return [int(start)]


def _encode(segments: Sequence[Segment], encoder: SafeEncoder, start: Sequence[int] = ()) -> Encoded:
    """Each segment by itself; `start` is no part of the text."""
    ids: list[int] = []
    learn: list[bool] = []
    for content, learned, _ in segments:
        piece = [content] if isinstance(content, int) else encoder.text(content, first=not ids) if content else []
        ids += piece
        learn += [learned] * len(piece)
    learn = [False] * len(start) + learn
    return Encoded([*start, *ids], learn, learn)
