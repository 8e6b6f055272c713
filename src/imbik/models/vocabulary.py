"""A tokenizer with part of its vocabulary: which tokens are kept, and the tokenizer's files with new ids.

Enters: a tokenizer's state as tokenizer.json holds it, how often each token is wanted. Leaves: the same for the tokens
kept. A token is kept with whatever it is merged from, so text of kept tokens is cut exactly as before; any other text
is cut into smaller pieces, down to bytes. Abdaoui et al. 2020, "Load what you need: smaller versions of multilingual
BERT", arXiv:2010.05609, keep the tokens of a language likewise.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any

from imbik.core.errors import ModelError

_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
_FORMER = ("continuing_subword_prefix", "end_of_word_suffix")
KINDS = ("BPE", "Unigram")


def ids_of(state: Mapping[str, Any]) -> dict[str, int]:
    """Every token of a tokenizer with its id, added ones among them."""
    vocab = state["model"]["vocab"]
    pieces = {piece[0]: number for number, piece in enumerate(vocab)} if isinstance(vocab, list) else dict(vocab)
    return {**pieces, **{item["content"]: item["id"] for item in state.get("added_tokens", [])}}


def kept_tokens(state: Mapping[str, Any], counts: Mapping[str, int], named: Collection[str], *, size: int) -> set[str]:
    """The tokens kept: those every text may need, those `named`, and of the counted ones the most frequent, until there
    are `size` (0: all that were counted).

    Raises: ModelError for a tokenizer of another kind, or a size below what every text may need.
    """
    model = state["model"]
    if model.get("type") not in KINDS or any(model.get(name) for name in _FORMER):
        raise ModelError(
            f"a vocabulary of the kind {model.get('type')} cannot be trimmed here (known: {', '.join(KINDS)})",
            where="student.keep.vocabulary",
            next="leave it out; layers and mlp can be kept in part all the same",
        )
    known, parts = ids_of(state), _Parts(model)
    kept = {token for token in (*named, *_added_around(state.get("post_processor"))) if token in known}
    kept |= set(_needed(model))
    if size and size < len(kept):
        raise ModelError(
            f"{size} tokens cannot hold the {len(kept)} that every text may need (bytes, control tokens)",
            where="student.keep.vocabulary.size",
            next=f"--set student.keep.vocabulary.size={max(1024, len(kept))}",
        )
    for token in sorted(counts, key=lambda token: (-counts[token], known.get(token, 0))):
        new = {part for part in parts.of(token) if part in known} - kept if token in known else set()
        if not size or len(kept) + len(new) <= size:
            kept |= new
    return kept


def trimmed(state: Mapping[str, Any], kept: Collection[str]) -> dict[str, Any]:
    """The tokenizer's state with these tokens alone; ids follow the old order, added tokens behind the model's own."""
    made = copy.deepcopy(dict(state))
    model, old = made["model"], ids_of(state)
    own = [token for token in _pieces(model) if token in kept]
    added = [item for item in made.get("added_tokens", []) if item["content"] in kept]
    others = sorted((item["content"] for item in added if item["content"] not in set(own)), key=old.__getitem__)
    new = {token: number for number, token in enumerate([*own, *others])}
    if isinstance(model["vocab"], list):
        unknown = None if model.get("unk_id") is None else model["vocab"][model["unk_id"]][0]
        model["vocab"] = [piece for piece in model["vocab"] if piece[0] in new]
        model["unk_id"] = new.get(unknown)
    else:
        model["vocab"] = {token: new[token] for token in own}
        model["merges"] = [
            merge for merge in model["merges"] if all(part in new for part in (*_pair(merge), "".join(_pair(merge))))
        ]
    made["added_tokens"] = sorted(({**item, "id": new[item["content"]]} for item in added), key=lambda item: item["id"])
    _renumber(made.get("post_processor"), new)
    if isinstance(made.get("padding"), dict):
        made["padding"]["pad_id"] = new.get(made["padding"].get("pad_token"), 0)
    return made


def _pieces(model: Mapping[str, Any]) -> list[str]:
    """The model's own tokens in the order of their ids."""
    vocab = model["vocab"]
    return [piece[0] for piece in vocab] if isinstance(vocab, list) else sorted(vocab, key=vocab.__getitem__)


def _needed(model: Mapping[str, Any]) -> Iterator[str]:
    """What any text may need: bytes to fall back on, else every single character; the unknown token."""
    pieces = _pieces(model)
    yield from (piece for piece in pieces if _BYTE.fullmatch(piece))
    if not model.get("byte_fallback"):
        yield from (piece for piece in pieces if len(piece) == 1)
    if model.get("unk_token"):
        yield model["unk_token"]
    if isinstance(model["vocab"], list) and model.get("unk_id") is not None:
        yield pieces[model["unk_id"]]


def _pair(merge: Any) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


class _Parts:
    """What each token is made of on the way: the results of the merges that end in it."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self._ranks = {_pair(merge): rank for rank, merge in enumerate(model.get("merges", []))}

    def of(self, token: str) -> set[str]:
        """The token, its characters, and what they are merged to."""
        if not self._ranks:
            return {token}
        symbols = list(token)
        found = {token, *symbols}
        while len(symbols) > 1:
            ranked = [(self._ranks.get(pair), at) for at, pair in enumerate(pairwise(symbols))]
            known = [(rank, at) for rank, at in ranked if rank is not None]
            if not known:
                break
            at = min(known)[1]
            symbols[at : at + 2] = [symbols[at] + symbols[at + 1]]
            found.add(symbols[at])
        return found


def _added_around(part: Any) -> Iterator[str]:
    """The control tokens that a post-processor puts around a text."""
    if not isinstance(part, dict):
        return
    for inner in part.get("processors", []):
        yield from _added_around(inner)
    for item in (part.get("special_tokens") or {}).values() if part.get("type") == "TemplateProcessing" else ():
        yield from item["tokens"]
    yield from (part[name][0] for name in ("sep", "cls") if isinstance(part.get(name), list))


def _renumber(part: Any, new: Mapping[str, int]) -> None:
    """Give a post-processor's control tokens their new ids."""
    if not isinstance(part, dict):
        return
    for inner in part.get("processors", []):
        _renumber(inner, new)
    for item in (part.get("special_tokens") or {}).values() if part.get("type") == "TemplateProcessing" else ():
        item["ids"] = [new[token] for token in item["tokens"]]
    for name in ("sep", "cls"):
        if isinstance(part.get(name), list):
            part[name] = [part[name][0], new.get(part[name][0], 0)]
