"""Encoding in which content stays content: text of messages and columns never becomes a control token.

Enters: a fast tokenizer. Leaves: `SafeEncoder`, which tells the control tokens written by a (trusted) template from the
text around them, and encodes that text with a copy of the tokenizer that knows no added tokens at all. For text that
holds no control token's spelling the ids are those of the tokenizer itself.

White-space-only added tokens that are not special (GPT-NeoX and Gemma keep runs of spaces so) stay: they control
nothing.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from imbik.core.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerFast

CLASS_PREFIX, CLASS_SUFFIX = "<|class:", "|>"


class SafeEncoder:
    """The two halves of safe encoding for one tokenizer: find control tokens in a template, encode text without any."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        from tokenizers import Tokenizer

        state = json.loads(_backend(tokenizer).to_str())
        state.update(post_processor=None, truncation=None, padding=None)
        self.size = len(tokenizer)
        self.control_ids = frozenset(item["id"] for item in state["added_tokens"] if not _harmless(item))
        self._full: Tokenizer = Tokenizer.from_str(json.dumps(state))
        stripped = _without_control(state)
        self._first: Tokenizer = Tokenizer.from_str(json.dumps(stripped))
        self._rest: Tokenizer = Tokenizer.from_str(json.dumps(_inside_text(stripped)))

    def split(self, template_text: str) -> list[str | int]:
        """Trusted text as a list of plain texts and control token ids, in order."""
        pieces: list[str | int] = []
        position = 0
        encoding = self._full.encode(template_text, add_special_tokens=False)
        for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if token in self.control_ids:
                if start > position:
                    pieces.append(template_text[position:start])
                pieces.append(token)
                position = end
        if position < len(template_text):
            pieces.append(template_text[position:])
        return pieces

    def text(self, text: str, *, first: bool) -> list[int]:
        """Ids of text that may say anything; `first`: nothing stands before it (SentencePiece adds a space there)."""
        ids: list[int] = self.encoding(text, first=first).ids
        return ids

    def encoding(self, text: str, *, first: bool) -> Encoding:
        """The same with each token's spelling and where in the text it stands."""
        return (self._first if first else self._rest).encode(text, add_special_tokens=False)


_ENCODERS: WeakKeyDictionary[Any, SafeEncoder] = WeakKeyDictionary()


def safe_encoder(tokenizer: PreTrainedTokenizerFast) -> SafeEncoder:
    """The tokenizer's SafeEncoder, made once (and again when tokens were added since)."""
    found = _ENCODERS.get(tokenizer)
    if found is None or found.size != len(tokenizer):
        found = _ENCODERS[tokenizer] = SafeEncoder(tokenizer)
    return found


def class_tokens_of(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    """Label -> token id of the class tokens in a tokenizer ({} when it has none)."""
    return {
        name.removeprefix(CLASS_PREFIX).removesuffix(CLASS_SUFFIX): number
        for name, number in sorted(tokenizer.get_added_vocab().items(), key=lambda item: item[1])
        if name.startswith(CLASS_PREFIX) and name.endswith(CLASS_SUFFIX)
    }


def class_token(label: str) -> str:
    """How the one token of a class is spelled in the vocabulary."""
    return f"{CLASS_PREFIX}{label}{CLASS_SUFFIX}"


def decode(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> str:
    """The text of generated ids: special tokens left out, class tokens as their labels."""
    labels = {number: label for label, number in class_tokens_of(tokenizer).items()} if ids else {}
    if labels and any(token in labels for token in ids):
        return "".join(labels.get(token) or decode_plain(tokenizer, [token]) for token in ids)
    return decode_plain(tokenizer, ids)


def decode_plain(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> str:
    """The tokenizer's own decoding without special tokens and without tidying of spaces."""
    text = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return str(text)


def _backend(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    backend: Tokenizer | None = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(
            "this tokenizer has no tokenizer.json behind it, so content cannot be kept apart from control tokens",
            where=str(getattr(tokenizer, "name_or_path", "")),
            next="convert it: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)",
        )
    return backend


def _harmless(item: dict[str, Any]) -> bool:
    return not item["special"] and not str(item["content"]).strip()


def _without_control(state: dict[str, Any]) -> dict[str, Any]:
    """The tokenizer's state with no control tokens, neither as added tokens nor reachable in the vocabulary."""
    hidden = {item["content"]: _nobody_writes() for item in state["added_tokens"] if not _harmless(item)}
    kept = [item for item in state["added_tokens"] if _harmless(item)]
    model = dict(state["model"])
    if model["type"] == "Unigram":
        model["vocab"] = [[hidden.get(piece, piece), score] for piece, score in model["vocab"]]
        model["vocab"] += _with_places(kept, len(model["vocab"]))
    else:
        model["vocab"] = {hidden.get(piece, piece): number for piece, number in model["vocab"].items()}
        model["vocab"] |= {item["content"]: item["id"] for item in kept}
    if model.get("unk_token") in hidden:
        model["unk_token"] = hidden[model["unk_token"]]
    if "merges" in model:
        model["merges"] = [pair for pair in model["merges"] if not _touches(pair, hidden)]
    return {**state, "model": model, "added_tokens": kept}


def _nobody_writes() -> str:
    """A spelling that no content can contain, except by guessing 96 bits."""
    return f"\x00{secrets.token_hex(12)}"


def _with_places(kept: Sequence[dict[str, Any]], size: int) -> list[list[Any]]:
    """Entries that give kept tokens behind a vocabulary of `size` their own ids: added tokens are numbered by it."""
    names = {item["id"]: item["content"] for item in kept if item["id"] >= size}
    return [[names.get(number) or _nobody_writes(), -1e9] for number in range(size, max(names, default=-1) + 1)]


def _touches(pair: list[str] | str, hidden: dict[str, str]) -> bool:
    """Whether a merge builds, or builds on, a hidden token."""
    left, right = pair.split(" ", 1) if isinstance(pair, str) else pair
    return left + right in hidden or left in hidden or right in hidden


def _inside_text(state: dict[str, Any]) -> dict[str, Any]:
    """The state for text that is not at the start: a pre-tokenizer that adds a space `first` adds none."""
    return {**state, "pre_tokenizer": _never_prepend(state["pre_tokenizer"])}


def _never_prepend(part: Any) -> Any:
    if isinstance(part, list):
        return [_never_prepend(item) for item in part]
    if not isinstance(part, dict):
        return part
    changed = {key: _never_prepend(value) for key, value in part.items()}
    return {**changed, "prepend_scheme": "never"} if part.get("prepend_scheme") == "first" else changed
