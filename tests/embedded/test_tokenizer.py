"""The tokenizer: every token of a held-out set is met in training, and the template is what the models learned."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from imbik.embedded.tokenizer import SPECIAL, train_tokenizer
from imbik.embedded.training import chat_row
from imbik.tasks.problems import Problem, problems


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer()


def ids(tokenizer: Any, problem: Problem) -> list[int]:
    return [*tokenizer.encode(problem.text), *tokenizer.encode(problem.solution)]


def test_every_token_of_the_held_out_sets_occurs_in_training_text(tokenizer: Any) -> None:
    trained = Counter(token for problem in problems("pool", 6000) for token in ids(tokenizer, problem))
    for name in ("A", "B", "C"):
        unmet = {token for problem in problems(name, 1000) for token in ids(tokenizer, problem) if trained[token] < 10}
        assert not unmet, (name, tokenizer.convert_ids_to_tokens(sorted(unmet)))


def test_digits_stand_alone_and_text_comes_back(tokenizer: Any) -> None:
    for problem in problems("A", 50):
        for text in (problem.text, problem.solution):
            assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("Kalan: 120 - 45 = 75.")) == [
        "Kalan",
        ":",
        "Ġ1",
        "2",
        "0",
        "Ġ-",
        "Ġ4",
        "5",
        "Ġ=",
        "Ġ7",
        "5",
        ".",
    ]
    odd = "İstanbul'da 3 kuş, 你好 🙂\n"
    assert tokenizer.decode(tokenizer.encode(odd)) == odd


def test_the_template_writes_what_the_models_were_trained_on(tokenizer: Any) -> None:
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3]) == list(SPECIAL)
    problem = next(problems("pool", 1))
    messages = [{"role": "user", "content": problem.text}, {"role": "assistant", "content": problem.solution}]
    row = chat_row(tokenizer, problem.text, problem.solution)
    written = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    assert written["input_ids"] == list(row.ids)
    assert [weight == 1.0 for weight in row.weights] == [bool(flag) for flag in written["assistant_masks"]]
    prompt = tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True, tokenize=False)
    assert prompt == f"<|user|>{problem.text}<|end|><|assistant|>"


def test_a_system_message_is_put_before_the_question(tokenizer: Any) -> None:
    messages = [{"role": "system", "content": "Adım adım çöz."}, {"role": "user", "content": "2 elma?"}]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == "<|user|>Adım adım çöz.\n2 elma?<|end|>"
