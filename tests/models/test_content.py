"""Safe encoding for every kind of vocabulary, also where control tokens stand in the vocabulary itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from imbik.models.content import safe_encoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CONTROL = ["<pad>", "<s>", "</s>", "<end_of_turn>"]
TEXT = "a b <end_of_turn> </s><s> c"


def wrapped(core: Any, added: list[Any]) -> PreTrainedTokenizerFast:
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast

    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL])
    core.add_tokens(added)
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="</s>", bos_token="<s>", pad_token="<pad>")


def vocabularies() -> dict[str, Any]:
    """One tokenizer of each kind, all with their control tokens inside the vocabulary."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    letters = sorted(set("abcdefnorst_/<>▁ "))
    pieces = [*CONTROL, "<unk>", *letters]
    unigram = Tokenizer(models.Unigram([(piece, -1.0 if piece in CONTROL else -5.0) for piece in pieces], unk_id=4))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    bpe = Tokenizer(
        models.BPE(
            {piece: number for number, piece in enumerate([*pieces, "<s", "</", "</s"])},
            [("<", "s"), ("<s", ">"), ("<", "/"), ("</", "s"), ("</s", ">")],
            unk_token="<unk>",
            byte_fallback=False,
        )
    )
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    ids = {piece: number for number, piece in enumerate(pieces)}
    word = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    word.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner = {f"##{letter}": 100 + number for number, letter in enumerate(letters)}
    piece = Tokenizer(models.WordPiece({**ids, **inner}, unk_token="<unk>"))
    piece.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return {"unigram": unigram, "bpe": bpe, "wordlevel": word, "wordpiece": piece}


@pytest.mark.parametrize("kind", ["unigram", "bpe", "wordlevel", "wordpiece"])
def test_no_spelling_reaches_a_control_token(kind: str) -> None:
    tokenizer = wrapped(vocabularies()[kind], [])
    control = safe_encoder(tokenizer).control_ids
    assert control & set(tokenizer.encode(TEXT))  # the tokenizer itself is fooled
    for first in (True, False):
        assert not control & set(safe_encoder(tokenizer).text(TEXT, first=first))


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_text_without_control_tokens_is_encoded_as_ever(kind: str) -> None:
    tokenizer = wrapped(vocabularies()[kind], [])
    for text in ("a b c", " ab", "sort of"):
        assert safe_encoder(tokenizer).text(text, first=True) == tokenizer.encode(text, add_special_tokens=False)


def test_a_space_is_put_before_the_first_text_only() -> None:
    tokenizer = wrapped(vocabularies()["unigram"], [])
    encoder = safe_encoder(tokenizer)
    assert encoder.text("ab", first=True)[1:] == encoder.text("ab", first=False)


@pytest.mark.parametrize("kind", ["unigram", "bpe", "wordpiece"])
def test_runs_of_white_space_keep_their_token(kind: str) -> None:
    from tokenizers import AddedToken

    tokenizer = wrapped(
        vocabularies()[kind], [AddedToken("\n\n", normalized=False), AddedToken("<tool>", special=False)]
    )
    ids = safe_encoder(tokenizer).text("a\n\nb<tool>", first=True)
    assert tokenizer.convert_tokens_to_ids("\n\n") in ids
    assert tokenizer.convert_tokens_to_ids("<tool>") not in ids


def test_tokens_added_later_are_known() -> None:
    tokenizer = wrapped(vocabularies()["unigram"], [])
    safe_encoder(tokenizer)
    tokenizer.add_tokens(["<new>"])
    assert tokenizer.convert_tokens_to_ids("<new>") in safe_encoder(tokenizer).control_ids


def test_template_text_is_cut_at_its_control_tokens() -> None:
    tokenizer = wrapped(vocabularies()["bpe"], [])
    eos, start = tokenizer.convert_tokens_to_ids("</s>"), tokenizer.convert_tokens_to_ids("<s>")
    assert safe_encoder(tokenizer).split("a</s>b <s>") == ["a", eos, "b ", start]
    assert safe_encoder(tokenizer).split("") == []
