"""Alignment of two tokenizers: groups say the same bytes, in Turkish too, and shared tokens write the same."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from imbik.core.types import Message, Task
from imbik.models.load import load_tokenizer
from imbik.models.spans import CLOSE, INSIDE, Mark, encode_marked
from imbik.testing.tiny_models import make_tokenizer
from imbik.train.alignment import aligned, shared_tokens
from tokenizerkit import metaspace

TEXTS = ["İstanbul'da ılık bir gün: 3 + 4 = 7, değil mi?", "Iğdır ığdır İĞDIR iğdir", "elma 🙂 armut", "a"]
TASK = Task(id="t", kind="qa", messages=tuple(Message(role="user", content=text) for text in ("Soru?",)))


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PreTrainedTokenizerFast]:
    folder = tmp_path_factory.mktemp("t")
    made = {name: load_tokenizer(make_tokenizer(folder / name, vocabulary=size)) for name, size in SIZES.items()}
    return {**made, "metaspace": metaspace()}


SIZES = {"bytes": 261, "small": 300, "large": 420}
PAIRS = [("small", "large"), ("bytes", "large"), ("large", "metaspace"), ("metaspace", "bytes"), ("small", "small")]


def groups_of(
    tokenizers: dict[str, PreTrainedTokenizerFast], pair: tuple[str, str], text: str
) -> tuple[list[list[int]], list[list[int]], list[list[Mark | None]]]:
    rows = [encode_marked(tokenizers[name], TASK, text) for name in pair]
    found = aligned(rows[0].marks, rows[1].marks)
    return [group.mine for group in found], [group.theirs for group in found], [row.marks for row in rows]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("text", [*TEXTS, *(unicodedata.normalize("NFD", text) for text in TEXTS)])
def test_groups_end_at_the_same_bytes_and_leave_nothing_between(
    tokenizers: dict[str, PreTrainedTokenizerFast], pair: tuple[str, str], text: str
) -> None:
    mine, theirs, marks = groups_of(tokenizers, pair, text)
    for own, other in zip(mine, theirs, strict=True):
        ends = [side[run[-1]].end for side, run in zip(marks, (own, other), strict=True)]  # type: ignore[union-attr]
        assert ends[0] == ends[1] != INSIDE
    for side, runs in zip(marks, (mine, theirs), strict=True):
        places = [place for run in runs for place in run]
        assert places == [place for place, mark in enumerate(side) if mark is not None]
        assert all(before[-1] + 1 == after[0] for before, after in pairwise(runs))
    assert marks[0][mine[-1][0]].end == CLOSE  # type: ignore[union-attr]
    assert len(mine[-1]) == len(theirs[-1]) == 1


def test_groups_are_the_smallest(tokenizers: dict[str, PreTrainedTokenizerFast]) -> None:
    """Bytes against words: every token of the larger vocabulary is a group."""
    mine, theirs, _ = groups_of(tokenizers, ("bytes", "large"), TEXTS[0])
    assert all(len(run) == 1 for run in theirs)
    assert [len(run) for run in mine] != [1] * len(mine)
    same, others, _ = groups_of(tokenizers, ("small", "small"), TEXTS[0])
    assert same == others
    assert all(len(run) == 1 for run in same)


def test_a_character_cut_on_both_sides_is_two_groups(tokenizers: dict[str, PreTrainedTokenizerFast]) -> None:
    mine, theirs, _ = groups_of(tokenizers, ("metaspace", "bytes"), "🙂")
    assert [len(run) for run in mine] == [len(run) for run in theirs] == [1, 1, 1, 1, 1]


def test_what_one_side_does_not_close_is_left_out() -> None:
    mine = [None, Mark(1, 2), Mark(1, 5), Mark(1, 6)]
    theirs = [Mark(1, INSIDE), Mark(1, 2), None, Mark(1, 7), Mark(3, 6)]
    assert [tuple(group) for group in aligned(mine, theirs)] == [([1], [0, 1])]


def test_a_closing_token_stands_alone_even_after_what_is_left_out() -> None:
    mine = [Mark(1, 2), Mark(1, 5), Mark(1, CLOSE)]
    theirs = [Mark(1, 2), Mark(1, CLOSE)]
    assert [tuple(group) for group in aligned(mine, theirs)] == [([0], [0]), ([2], [1])]


@pytest.mark.parametrize("pair", PAIRS)
def test_shared_tokens_write_the_same(tokenizers: dict[str, PreTrainedTokenizerFast], pair: tuple[str, str]) -> None:
    mine, theirs = (tokenizers[name] for name in pair)
    found = shared_tokens(mine, theirs)
    assert len({one for one, _ in found}) == len({other for _, other in found}) == len(found)
    closing = [pair for pair in found if "<" in mine.convert_ids_to_tokens(pair[0]) and len(mine.decode([pair[0]])) > 2]
    assert len([pair for pair in closing if not mine.convert_ids_to_tokens(pair[0]).startswith("<0x")]) == 1
    whole = [(mine.decode([one]), theirs.decode([other])) for one, other in found if (one, other) not in closing]
    readable = [(one, other) for one, other in whole if "\ufffd" not in one + other]
    assert len(readable) > 90
    assert all(one.strip() == other.strip() for one, other in readable)


def test_the_same_tokenizer_shares_everything_but_control_tokens(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(make_tokenizer(tmp_path))
    found = shared_tokens(tokenizer, tokenizer)
    assert all(one == other for one, other in found)
    assert len(found) == len(tokenizer) - len(tokenizer.get_added_vocab()) + 1
