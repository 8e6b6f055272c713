"""A model with part of its vocabulary: fewer rows in its embeddings and its head, a tokenizer that knows them.

Enters: a model's folder, token ids of the texts it is for. Leaves: the files of a trimmed tokenizer, and a network of
which each row is the larger one's own. What a small model spends most of its weights on is its vocabulary: of a Turkish
one of 128,000 tokens in a hundred languages, few are ever written.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbik.core.errors import ModelError
from imbik.core.files import write_json
from imbik.models.folder import read_object
from imbik.models.load import load_tokenizer
from imbik.models.rebuild import rebuilt
from imbik.models.vocabulary import ids_of, kept_tokens, trimmed

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

TOKENIZER, CONFIG = "tokenizer.json", "tokenizer_config.json"
_TOGETHER = 1024  # lines of text encoded at once


def ids_in_texts(tokenizer: PreTrainedTokenizerFast, paths: Iterable[Path]) -> Iterator[Sequence[int]]:
    """Token ids of text files, line by line.

    Raises: ModelError for a file that cannot be read as UTF-8.
    """
    for path in paths:
        try:
            with path.open(encoding="utf-8") as stream:
                while lines := [line for _, line in zip(range(_TOGETHER), stream, strict=False)]:
                    yield from tokenizer(lines, add_special_tokens=False)["input_ids"]
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(
                f"this file cannot be read as text ({error})",
                where=str(path),
                next="name UTF-8 text files in student.keep.vocabulary.texts",
            ) from None


def trim_tokenizer(source: Path, rows: Iterable[Sequence[int]], target: Path, *, size: int) -> None:
    """Write the tokenizer of `source` with the tokens of these rows (at most `size`, 0: all) into `target`.

    Raises: ModelError, as `kept_tokens`.
    """
    tokenizer, state = load_tokenizer(source), read_object(source / TOKENIZER)
    spelled = {number: token for token, number in ids_of(state).items()}
    counts = Counter(number for row in rows for number in row)
    named = _named(source, tokenizer, state)
    kept = kept_tokens(state, {spelled[number]: count for number, count in counts.items()}, named, size=size)
    made = trimmed(state, kept)
    write_json(target / TOKENIZER, made)
    config, ids = read_object(source / CONFIG), ids_of(made)
    if isinstance(config.get("added_tokens_decoder"), dict):
        entries = config["added_tokens_decoder"].values()
        config["added_tokens_decoder"] = {
            str(ids[item["content"]]): item for item in entries if item.get("content") in ids
        }
    for name in ("additional_special_tokens", "extra_special_tokens"):
        if isinstance(config.get(name), list):
            config[name] = [token for token in config[name] if _content(token) in ids]
    write_json(target / CONFIG, config)


def with_vocabulary(network: PreTrainedModel, rows: Sequence[int]) -> PreTrainedModel:
    """A network whose token n is token `rows[n]` of another."""
    import torch

    whole: Any = network
    matrices = {id(whole.get_input_embeddings()), id(whole.get_output_embeddings())}
    names = [name for name, module in whole.named_modules() if id(module) in matrices]
    state, chosen = dict(whole.state_dict()), torch.tensor(list(rows))
    for name in (f"{name}.{part}" for name in names for part in ("weight", "bias")):
        if name in state:
            state[name] = state[name].index_select(0, chosen.to(state[name].device))
    config = copy.deepcopy(whole.config)
    new = {old: number for number, old in enumerate(rows)}
    text = config.get_text_config()
    text.vocab_size = len(rows)
    for settings in {id(part): part for part in (config, text)}.values():
        _renumber(settings, new)
    made = rebuilt(network, config, state)
    _renumber(made.generation_config, new)
    return made


def _named(source: Path, tokenizer: PreTrainedTokenizerFast, state: dict[str, Any]) -> set[str]:
    """Tokens that are kept whether or not a text has them: control tokens that something speaks of."""
    spelled = {number: token for token, number in ids_of(state).items()}
    named = {str(token) for token in tokenizer.special_tokens_map.values() if isinstance(token, str)}
    template = str(tokenizer.chat_template or "")
    named |= {item["content"] for item in state.get("added_tokens", []) if item["content"] in template}
    for name in ("config.json", "generation_config.json"):
        found = read_object(source / name) if (source / name).exists() else {}
        for numbers in (value for key, value in _walk(found) if key.endswith("_token_id")):
            named |= {spelled[number] for number in _listed(numbers) if number in spelled}
    return named


def _walk(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in found.items():
        if isinstance(value, dict):
            yield from _walk(value)
        else:
            yield key, value


def _listed(numbers: Any) -> list[int]:
    return numbers if isinstance(numbers, list) else [] if numbers is None else [numbers]


def _renumber(settings: Any, new: dict[int, int]) -> None:
    """Give the control tokens that a config names their new ids; one that is gone is named no more."""
    for key in [key for key in vars(settings) if key.endswith("_token_id")]:
        value = getattr(settings, key)
        if isinstance(value, list):
            setattr(settings, key, [new[number] for number in value if number in new])
        elif value is not None:
            setattr(settings, key, new.get(value))


def _content(token: Any) -> str:
    return str(token.get("content", "")) if isinstance(token, dict) else str(token)
