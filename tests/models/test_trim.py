"""A trimmed vocabulary: kept text is cut as before, the model's rows are the larger one's own, the rest is bytes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import archkit
from imbik.core.errors import ModelError
from imbik.core.types import Message, Task
from imbik.models.content import decode, safe_encoder
from imbik.models.folder import read_object
from imbik.models.load import load, load_tokenizer
from imbik.models.tokens import encode_row
from imbik.models.trim import ids_in_texts, trim_tokenizer, with_vocabulary
from imbik.models.vocabulary import ids_of, kept_tokens, trimmed
from imbik.testing.tiny_models import TEXTS

OURS = "İstanbul'da kargo 7 gün gecikti, ıslak geldi."
FAMILIES = list(archkit.FAMILIES)


def task(text: str) -> Task:
    return Task(id="1", kind="qa", messages=(Message(role="user", content=text),))


def row(folder: Path, text: str = OURS) -> tuple[Any, list[int]]:
    tokenizer = load_tokenizer(folder)
    return tokenizer, encode_row(tokenizer, task(text), text).ids


def spelled(tokenizer: Any, ids: list[int]) -> list[str]:
    return [str(token) for token in tokenizer.convert_ids_to_tokens(ids)]


def trim(folder: Path, target: Path, size: int = 0, text: str = OURS) -> Path:
    target.mkdir()
    for name in ("tokenizer_config.json", "chat_template.jinja", "config.json"):
        if (folder / name).exists():
            (target / name).write_bytes((folder / name).read_bytes())
    trim_tokenizer(folder, [row(folder, text)[1]], target, size=size)
    return target


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_has_the_same_tokens_and_the_model_says_the_same(tmp_path: Path, family: str) -> None:
    """The logits of the tokens that are kept are those of the whole model, to the last digits."""
    folder = archkit.make_family(family, tmp_path / "m")
    target = trim(folder, tmp_path / "small")
    (whole, before), (small, after) = row(folder), row(target)
    assert spelled(small, after) == spelled(whole, before)
    assert len(small) < len(whole)
    assert decode(small, after) == decode(whole, before)
    old, new = whole.get_vocab(), small.get_vocab()
    assert sorted(new.values()) == list(range(len(new)))
    rows = [old[token] for token in sorted(new, key=new.__getitem__)]
    network = load(folder).network
    made = with_vocabulary(network, rows)
    with torch.no_grad():
        wanted = network(input_ids=torch.tensor([before])).logits[..., rows]
        torch.testing.assert_close(made(input_ids=torch.tensor([after])).logits, wanted)
    assert made.config.get_text_config().vocab_size == len(rows)
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        mine, theirs = getattr(made.config, name, None), getattr(network.config, name, None)
        assert (mine is None) == (theirs is None)
        if isinstance(theirs, int):
            assert spelled(small, [mine]) == spelled(whole, [theirs])


@pytest.mark.parametrize("words", sorted(archkit.WORDS))
def test_any_other_text_is_written_all_the_same(tmp_path: Path, words: str) -> None:
    folder = archkit.make_words(archkit.WORDS[words], tmp_path / "m")
    small = load_tokenizer(trim(folder, tmp_path / "small"))
    whole = load_tokenizer(folder)
    unknown = small.unk_token_id
    for text in ("Žlutý kůň 漢字 🙂", "ş\u0307 İI ıi", "x" * 50):
        ids = safe_encoder(small).text(text, first=True)
        assert decode(small, ids).strip() == decode(whole, safe_encoder(whole).text(text, first=True)).strip()
        assert unknown is None or unknown not in ids


def test_control_tokens_that_something_speaks_of_stay_and_the_template_writes_them(tmp_path: Path) -> None:
    folder = archkit.make_words(archkit.WORDS["llama3"], tmp_path / "m")
    whole = load_tokenizer(folder)
    whole.add_special_tokens({"additional_special_tokens": ["<|reserved_special_token_7|>"]})
    small = load_tokenizer(trim(folder, tmp_path / "small"))
    for token in ("<|eot_id|>", "<|start_header_id|>", "<|begin_of_text|>"):
        assert token in small.get_vocab()
    assert (small.bos_token, small.eos_token) == (load_tokenizer(folder).bos_token, load_tokenizer(folder).eos_token)
    assert small("a")["input_ids"][0] == small.bos_token_id, "the post-processor speaks in new ids"


def test_a_size_keeps_the_most_frequent(tmp_path: Path) -> None:
    folder = archkit.make_words(archkit.WORDS["qwen3"], tmp_path / "m")
    state = read_object(folder / "tokenizer.json")
    tokenizer = load_tokenizer(folder)
    counts: dict[str, int] = {}
    for text in TEXTS:
        for token in spelled(tokenizer, tokenizer(text)["input_ids"]):
            counts[token] = counts.get(token, 0) + 1
    least = len(kept_tokens(state, {}, (), size=0))
    top = max(counts, key=lambda token: (len(token), token))
    counts[top] = 1000
    needed = len(kept_tokens(state, {top: 1}, (), size=0))
    assert least < needed
    kept = kept_tokens(state, counts, (), size=needed)
    assert kept == kept_tokens(state, {top: 1}, (), size=0), "the most frequent comes first, with what it is made of"
    assert kept < kept_tokens(state, counts, (), size=0)
    with pytest.raises(ModelError, match=rf"10 tokens cannot hold the {least}"):
        kept_tokens(state, counts, (), size=10)
    with pytest.raises(ModelError, match="of the kind WordPiece cannot be trimmed"):
        kept_tokens({"model": {"type": "WordPiece", "vocab": {}}}, {}, (), size=0)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3), st.sampled_from(["qwen3", "mistral", "llama3"]))
def test_what_was_counted_is_cut_as_before(texts: list[str], words: str) -> None:
    state, whole = _state(words)
    wanted = [whole.encode(text, add_special_tokens=False).tokens for text in texts]
    counts = {token: 1 for tokens in wanted for token in tokens}
    small = Tokenizer.from_str(json.dumps(trimmed(state, kept_tokens(state, counts, (), size=0))))
    assert [small.encode(text, add_special_tokens=False).tokens for text in texts] == wanted
    assert len(ids_of(state)) > small.get_vocab_size()


_STATES: dict[str, Any] = {}


def _state(words: str) -> Any:
    if words not in _STATES:
        with tempfile.TemporaryDirectory() as place:
            folder = archkit.make_words(archkit.WORDS[words], Path(place) / "m")
            _STATES[words] = (read_object(folder / "tokenizer.json"), load_tokenizer(folder).backend_tokenizer)
    return _STATES[words]


def test_sorted_pieces_of_a_unigram_model_are_trimmed_too(tmp_path: Path) -> None:
    core = Tokenizer(models.Unigram())
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=120, unk_token="<unk>", special_tokens=["<unk>", "</s>"])
    core.train_from_iterator(TEXTS, trainer)
    state = json.loads(core.to_str())
    text = TEXTS[0]
    counts = dict.fromkeys(core.encode(text).tokens, 1)
    small = Tokenizer.from_str(json.dumps(trimmed(state, kept_tokens(state, counts, {"</s>"}, size=0))))
    assert small.encode(text).tokens == core.encode(text).tokens
    assert small.get_vocab_size() < core.get_vocab_size()
    assert small.token_to_id("</s>") is not None
    assert small.encode("漢").tokens == core.encode("漢").tokens


def test_texts_are_read_line_by_line_and_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(archkit.make_words(archkit.WORDS["qwen3"], tmp_path / "m"))
    (tmp_path / "a.txt").write_text("kargo\ngecikti\n" * 1500, encoding="utf-8")
    assert sum(1 for _ in ids_in_texts(tokenizer, [tmp_path / "a.txt"])) == 3000
    (tmp_path / "b.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="cannot be read as text"):
        list(ids_in_texts(tokenizer, [tmp_path / "b.bin"]))
