"""The trained tokenizer: lossless, deterministic, one token a digit, and nothing in it that few people wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imbik.core.errors import ModelError
from imbik.models.bpe import WordCounts, learn_merges
from imbik.models.load import load_tokenizer
from imbik.models.train_tokenizer import MIN_TASKS, mask_identifiers, train_tokenizer
from imbik.testing.tiny_models import TEXTS


def trained(folder: Path, pairs: list[tuple[str, str]], vocabulary: int = 400, classes: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    train_tokenizer(pairs, vocabulary=vocabulary, classes=classes, folder=folder)
    return load_tokenizer(folder)


def spelled(tokenizer) -> set[str]:  # type: ignore[no-untyped-def]
    return {tokenizer.decode([number]).strip() for number in tokenizer.get_vocab().values()}


def test_any_text_comes_back(tmp_path: Path) -> None:
    tokenizer = trained(tmp_path, [(str(n), text) for n in range(20) for text in TEXTS])

    @given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
    @settings(max_examples=100, deadline=None)
    def check(text: str) -> None:
        import unicodedata

        back = tokenizer.decode(tokenizer.encode(text), clean_up_tokenization_spaces=False)
        assert back == unicodedata.normalize("NFC", text)

    check()


def test_both_normal_forms_of_a_letter_are_one(tmp_path: Path) -> None:
    import unicodedata

    tokenizer = trained(tmp_path, [(str(n), text) for n in range(20) for text in TEXTS])
    assert tokenizer.encode(unicodedata.normalize("NFD", "Ağrı'da şöför")) == tokenizer.encode("Ağrı'da şöför")


def test_every_digit_is_a_token(tmp_path: Path) -> None:
    tokenizer = trained(tmp_path, [(str(n), "Toplam 1234 lira, 1234 elma, 1234 kilo") for n in range(40)])
    assert [tokenizer.decode([token]) for token in tokenizer.encode("x 1234")][-4:] == [" 1", "2", "3", "4"]


def test_the_same_text_gives_the_same_files(tmp_path: Path) -> None:
    pairs = [(str(n), text) for n in range(25) for text in TEXTS]
    for name in ("a", "b"):
        trained(tmp_path / name, pairs)
    assert (tmp_path / "a" / "tokenizer.json").read_bytes() == (tmp_path / "b" / "tokenizer.json").read_bytes()


def test_a_token_needs_twenty_tasks(tmp_path: Path) -> None:
    """A word of 19 tasks never becomes a token, however often it is said; the same word in 20 tasks does."""
    common = [(str(n), "ortak sözcük") for n in range(60)]
    for count in (MIN_TASKS - 1, MIN_TASKS):
        rare = [(str(n), "Zekeriyaköy " * 50) for n in range(count)]
        words = spelled(trained(tmp_path / str(count), common + rare))
        assert "sözcük" in words
        assert ("Zekeriyaköy" in words) == (count == MIN_TASKS)


def test_many_answers_to_one_task_count_once(tmp_path: Path) -> None:
    pairs = [("one", "Zekeriyaköy")] * 500 + [(str(n), "ortak") for n in range(30)]
    assert not any("Zek" in word for word in spelled(trained(tmp_path, pairs)))


@given(st.lists(st.tuples(st.integers(0, 9), st.text("abcş", min_size=1, max_size=6)), max_size=60), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_every_merge_was_seen_in_enough_tasks(pairs: list[tuple[int, str]], least: int) -> None:
    counts = WordCounts(least)
    for task, word in pairs:
        counts.add(str(task), [word])
    made: set[str] = set()
    for left, right in learn_merges(counts, 50, least):
        assert {left, right} <= made | set("abcş")
        made.add(left + right)
    for token in made:
        assert len({task for task, word in pairs if token in word}) >= least


def test_the_most_frequent_pair_is_merged_first() -> None:
    counts = WordCounts(1)
    counts.add("1", ["abab", "abc", "bc"])
    assert learn_merges(counts, 3, 1) == [("a", "b"), ("ab", "ab"), ("ab", "c")]
    assert learn_merges(counts, 0, 1) == []


def test_identifiers_are_masked() -> None:
    hidden = [
        "10000000146",
        "+90 (532) 111 22 33",
        "ali.veli@example.com",
        "https://example.com/a?b=1",
        "www.ornek.com.tr",
    ]
    hidden += ["TR33 0006 1005 1978 6457 8413 26", "TR330006100519786457841326", "4111-1111-1111-1111"]
    for text in hidden:
        assert mask_identifiers(f"önce {text} sonra").split() == ["önce", "sonra"]
    kept = "12 elma, 3,50 TL ve 2024 yılı; A.Ş. 1/2"
    assert mask_identifiers(kept) == kept


def test_identifiers_never_become_tokens(tmp_path: Path) -> None:
    pairs = [(str(n), "yaz: destek@sirketimiz.com") for n in range(60)]
    assert not any("irket" in word for word in spelled(trained(tmp_path, pairs)))


def test_what_detectors_find_never_becomes_a_token(tmp_path: Path) -> None:
    """A name behind a title is masked however many tasks hold it; a word like it without one is a word."""
    for text, held in (("Sayın Zekeriya Demirkıran geldi", False), ("zekeriya demirkıran geldi", True)):
        words = spelled(trained(tmp_path / str(held), [(str(n), text) for n in range(60)]))
        assert any("emirk" in word for word in words) == held
        assert any("geldi" in word for word in words)


def test_class_tokens_come_on_top(tmp_path: Path) -> None:
    tokenizer = trained(tmp_path, [(str(n), text) for n in range(20) for text in TEXTS], 320, ("iade", "a | b"))
    assert len(tokenizer) == 322
    assert tokenizer.encode("<|class:iade|>") == [320]


def test_a_vocabulary_too_small_for_the_bytes(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot hold") as caught:
        trained(tmp_path, [("1", "a")], 100)
    assert "student.vocabulary=512" in caught.value.next


def test_little_text_gives_a_smaller_vocabulary(tmp_path: Path) -> None:
    assert len(trained(tmp_path, [("1", "tek satır")], 4096)) == 261
