"""A question is kept with all that shapes or guards it, and nothing is presumed of one that says nothing."""

from __future__ import annotations

import msgspec
import pytest

from imbik.core.questions import Inspected, Question, Sampling
from imbik.core.types import Message, Recorded, Sensitivity, Task


def test_a_question_comes_back_with_its_task_and_what_was_found_in_it() -> None:
    turns = (Message(role="user", content="İğdır'da kaç kişi yaşar?"),)
    question = Question(
        messages=turns,
        row="7",
        sensitivity=Sensitivity.CONFIDENTIAL,
        sampling=Sampling(temperature=0.7, seed=3, max_tokens=64),
        sample=2,
        recorded=(Recorded(name="büyük", text="203.159"),),
        task=Task(id="7", kind="qa", messages=turns),
        inspected=Inspected(marked=Sensitivity.SPECIAL, found=("tckn",), cleaned="redacted"),
        longer=(128, 256),
        shown=("3", "5"),
    )
    assert msgspec.json.decode(msgspec.json.encode(question), type=Question) == question


def test_a_question_says_how_private_it_is() -> None:
    with pytest.raises(TypeError, match="sensitivity"):
        Question(messages=(), row="7")  # type: ignore[call-arg]


def test_words_that_nobody_inspected_are_not_called_cleaned_or_declassified() -> None:
    nothing = Inspected()
    assert (nothing.cleaned, nothing.declassified, nothing.marked) == ("", False, None)
