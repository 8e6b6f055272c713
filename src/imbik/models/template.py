"""Chat templates as skeletons: the template's own text and control tokens, with a slot where each content goes.

Enters: a tokenizer and the roles of a conversation. Leaves: pieces (text, control token id, Slot). The template is
rendered once per sequence of roles with marks in place of contents, so contents are never seen by the template, and a
thousand rows of one shape cost one rendering. The date that some templates insert is fixed, so that rows encode alike
on every day.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from imbik.core.errors import ModelError
from imbik.models.content import SafeEncoder, safe_encoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PLAIN = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'system' -%}{{- message['content'] + '\\n\\n' -}}"
    "{%- elif message['role'] == 'user' -%}{{- 'User: ' + message['content'] + '\\n' -}}"
    "{%- else -%}{{- 'Assistant: ' + message['content'] + eos_token + '\\n' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- endif -%}"
)
_DATE = datetime(2026, 1, 1, tzinfo=UTC)
_NOW = re.compile(r"strftime_now\(\s*(['\"])(.*?)\1\s*\)")
_OPEN, _CLOSE, _PAD = "\ue0f0", "\ue0f1", "\u2003"
_MARK = re.compile(f"{_OPEN}(\\d+){_CLOSE}")


class Slot(NamedTuple):
    """Where the content of the message with this number goes, and whether the template trims it on either side."""

    message: int
    strip_left: bool
    strip_right: bool


Piece = str | int | Slot


class Turn(NamedTuple):
    """A conversation that ends with an assistant's turn: `prompt` pieces, then `before` + content + `after`."""

    prompt: tuple[Piece, ...]
    before: str
    after: tuple[Piece, ...]


class ChatSkeletons:
    """The skeletons of one tokenizer's chat template (the plain one where it has none), kept by roles."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self._template = _on_a_fixed_day(template_of(tokenizer))
        self._encoder = safe_encoder(tokenizer)
        self._rendered: dict[tuple[tuple[str, ...], bool], str] = {}
        self._turns: dict[tuple[str, ...], Turn] = {}

    @property
    def encoder(self) -> SafeEncoder:
        """The safe encoder of the same tokenizer."""
        return self._encoder

    def turn(self, roles: tuple[str, ...]) -> Turn:
        """The skeleton of these messages followed by an assistant's turn, whose slot has index `len(roles)`."""
        if roles not in self._turns:
            self._turns[roles] = self._make_turn(roles)
        return self._turns[roles]

    def _make_turn(self, roles: tuple[str, ...]) -> Turn:
        prompt = self._render(roles, True)
        row = self._render((*roles, "assistant"), False)
        last = [match for match in _MARK.finditer(row) if int(match[1]) == len(roles)][-1]
        head, tail = row[: last.start()], row[last.end() :]
        extra = head[len(prompt) :] if head.startswith(prompt) else ""
        if extra.strip() and prompt == self._render(roles, False):
            prompt, extra = head, ""  # the template ignores add_generation_prompt: the header is part of the prompt
        padded = self._render((*roles, "assistant"), False, pad=_PAD)
        return Turn(
            self._pieces(prompt, padded),
            "" if extra.strip() else extra,
            (_slot(len(roles), padded), *self._pieces(tail, padded)),
        )

    def _pieces(self, text: str, padded: str) -> tuple[Piece, ...]:
        """Rendered text cut into text, control tokens and slots."""
        pieces: list[Piece] = []
        for number, part in enumerate(_MARK.split(text)):
            if number % 2:
                pieces.append(_slot(int(part), padded))
            elif part:
                pieces.extend(self._encoder.split(part))
        return tuple(pieces)

    def _render(self, roles: tuple[str, ...], prompt: bool, pad: str = "") -> str:
        """The template's text with marks for contents; a system turn that it refuses or drops joins the user's."""
        key = (roles, prompt)
        if not pad and key in self._rendered:
            return self._rendered[key]
        marks = [f"{pad}{_OPEN}{index}{_CLOSE}{pad}" for index in range(len(roles))]
        messages = [{"role": role, "content": mark} for role, mark in zip(roles, marks, strict=True)]
        text, problem = self._try(messages, prompt)
        if problem and roles[:2] == ("system", "user"):
            joined = {"role": "user", "content": f"{marks[0]}\n\n{marks[1]}"}
            text, problem = self._try([joined, *messages[2:]], prompt)
        if problem:
            raise ModelError(
                f"the chat template cannot write a conversation of {', '.join(roles) or 'no turns'}: {problem}",
                where=str(self._tokenizer.name_or_path),
                next="give the model a chat_template.jinja that can, or use a text_template in the recipe",
            )
        if not pad:
            self._rendered[key] = text
        return text

    def _try(self, messages: list[dict[str, str]], prompt: bool) -> tuple[str, str]:
        """Rendered text and, where something went wrong, what."""
        from jinja2 import TemplateError

        try:
            text = self._tokenizer.apply_chat_template(
                messages,
                chat_template=self._template,
                tokenize=False,
                add_generation_prompt=prompt,
                date_string=_DATE.strftime("%d %b %Y"),
                enable_thinking=False,
            )
        except (TemplateError, TypeError, ValueError, KeyError) as error:
            return "", str(error) or type(error).__name__
        wanted = {match[1] for message in messages for match in _MARK.finditer(message["content"])}
        missing = wanted - {match[1] for match in _MARK.finditer(str(text))}
        return str(text), f"it leaves out message {', '.join(sorted(missing))}" if missing else ""


_SKELETONS: WeakKeyDictionary[Any, tuple[str, int, ChatSkeletons]] = WeakKeyDictionary()


def skeletons(tokenizer: PreTrainedTokenizerFast) -> ChatSkeletons:
    """The tokenizer's skeletons, made once (and again when its template or vocabulary changed)."""
    template, size = str(tokenizer.chat_template), len(tokenizer)
    found = _SKELETONS.get(tokenizer)
    if found is None or found[:2] != (template, size):
        found = _SKELETONS[tokenizer] = (template, size, ChatSkeletons(tokenizer))
    return found[2]


def template_of(tokenizer: PreTrainedTokenizerFast) -> str:
    """The tokenizer's chat template (its default one of several), or the plain one."""
    return str(tokenizer.get_chat_template()) if tokenizer.chat_template else plain_template(tokenizer)


def plain_template(tokenizer: PreTrainedTokenizerFast) -> str:
    """The template named `plain`, for models that have none; it begins with the start token if the tokenizer does."""
    return ("{{- bos_token -}}" if adds_start(tokenizer) else "") + PLAIN


def adds_start(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether the tokenizer itself puts a start token before a text."""
    start = tokenizer.bos_token_id
    return start is not None and list(tokenizer.encode("a"))[:1] == [start]


def fill(pieces: Sequence[Piece], contents: Sequence[str]) -> list[tuple[str | int, int]]:
    """Slots replaced by their (trimmed) contents: (text or control id, message index or -1 for the template's own)."""
    filled: list[tuple[str | int, int]] = []
    for piece in pieces:
        if isinstance(piece, Slot):
            text = contents[piece.message]
            text = text.lstrip() if piece.strip_left else text
            filled.append((text.rstrip() if piece.strip_right else text, piece.message))
        else:
            filled.append((piece, -1))
    return filled


def _slot(index: int, padded: str) -> Slot:
    """The slot of a message; a rendering with padded marks shows whether the template trims."""
    mark = f"{_OPEN}{index}{_CLOSE}"
    return Slot(index, f"{_PAD}{mark}" not in padded, f"{mark}{_PAD}" not in padded)


def _on_a_fixed_day(template: str) -> str:
    """The template with its clock stopped: what it asks of the day is always the same day."""
    formats = dict.fromkeys(match[2] for match in _NOW.finditer(template))
    if not formats:
        return template
    days = "".join(f"{{% if format == {wanted!r} %}}{_DATE.strftime(wanted)}{{% endif %}}" for wanted in formats)
    return f"{{% macro strftime_now(format) %}}{days}{{% endmacro %}}{template}"
