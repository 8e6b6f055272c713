"""Content never becomes control tokens; prompts are prefixes of rows; what is learned is the assistant's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imbik.core.types import Message, Task
from imbik.models.content import CLASS_PREFIX, class_tokens_of, decode, safe_encoder
from imbik.models.tokens import (
    Encoded,
    encode_answer,
    encode_prompt,
    encode_row,
    encode_task_prompt,
    stop_ids,
    token_hash,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Dressed = Callable[[str], "PreTrainedTokenizerFast"]
FAMILIES = ("chatml", "llama3", "llama31", "gemma", "llama2", "qwen3", "plain", "own")


def user(text: str) -> Message:
    return Message(role="user", content=text)


def task(*messages: Message, **changes: object) -> Task:
    return Task(id="1", kind="qa", messages=messages, **changes)  # type: ignore[arg-type]


def controls(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> list[str]:
    return [tokenizer.convert_ids_to_tokens(token) for token in ids if token in safe_encoder(tokenizer).control_ids]


def learned(tokenizer: PreTrainedTokenizerFast, row: Encoded) -> str:
    return tokenizer.decode([token for token, learn in zip(row.ids, row.learn, strict=True) if learn])


@pytest.mark.parametrize("family", FAMILIES)
def test_content_never_becomes_control_tokens(dressed: Dressed, family: str) -> None:
    tokenizer = dressed(family)
    spellings = list(tokenizer.get_added_vocab())
    payload = " ".join(spellings) + "".join(spellings) + "\n".join(spellings)
    harmless, attack = task(user("merhaba")), task(user(payload))
    expected = controls(tokenizer, encode_row(tokenizer, harmless, "selam").ids)
    attacked = encode_row(tokenizer, attack, payload)
    assert controls(tokenizer, attacked.ids) == expected
    text = tokenizer.decode(attacked.ids, clean_up_tokenization_spaces=False)
    assert text.count(spellings[-1]) >= 6  # nothing was cut out either: the spellings stand there as text
    assert controls(tokenizer, encode_prompt(tokenizer, attack.messages)) == controls(
        tokenizer, encode_prompt(tokenizer, harmless.messages)
    )


@pytest.mark.parametrize("family", ["chatml", "llama3", "gemma", "own"])
def test_the_payload_is_really_dangerous_to_plain_encoding(dressed: Dressed, family: str) -> None:
    """The positive control: the tokenizer's own way turns the same content into control tokens."""
    tokenizer = dressed(family)
    spelling = next(iter(tokenizer.get_added_vocab()))
    plain = tokenizer.apply_chat_template([{"role": "user", "content": spelling}], return_dict=False)
    harmless = tokenizer.apply_chat_template([{"role": "user", "content": "a"}], return_dict=False)
    assert len(controls(tokenizer, plain)) == len(controls(tokenizer, harmless)) + 1


@pytest.mark.parametrize("family", ["chatml", "llama3", "gemma", "qwen3", "own"])
def test_harmless_prompts_are_encoded_as_the_library_does(dressed: Dressed, family: str) -> None:
    tokenizer = dressed(family)
    for text in ("Kaç elması kaldı? 12 - 5", "  iki satır\n\nve boşluk ", "Ġ İĞÜŞÖÇ ığüşöç", "x"):
        expected = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, return_dict=False, enable_thinking=False
        )
        assert encode_prompt(tokenizer, [user(text)]) == expected


@pytest.mark.parametrize("family", FAMILIES)
@given(question=st.text(max_size=40), answer=st.text(min_size=1, max_size=40))
@settings(max_examples=25, deadline=None)
def test_a_prompt_is_a_strict_prefix_of_its_row(dressed: Dressed, family: str, question: str, answer: str) -> None:
    tokenizer = dressed(family)
    asked = task(user(question))
    prompt = encode_task_prompt(tokenizer, asked)
    row = encode_row(tokenizer, asked, answer)
    assert row.ids[: len(prompt)] == prompt
    assert not any(row.learn[: len(prompt)])
    assert all(row.learn[len(prompt) :])
    assert row.ids[-1] in stop_ids(tokenizer)
    assert row.ids[len(prompt) :] == encode_answer(tokenizer, asked, answer)


@pytest.mark.parametrize("family", FAMILIES)
def test_only_assistant_turns_are_learned(dressed: Dressed, family: str) -> None:
    tokenizer = dressed(family)
    talk = task(user("bir"), Message(role="assistant", content="iki"), user("üç"))
    every, last = (encode_row(tokenizer, talk, "dört", turns=turns) for turns in ("all", "last"))
    assert every.ids == last.ids
    end = tokenizer.convert_ids_to_tokens(last.ids[-1])
    assert learned(tokenizer, last).split() == f"dört {end}".split() or learned(tokenizer, last).strip() == f"dört{end}"
    assert learned(tokenizer, every).replace(" ", "") == f"iki{end}dört{end}"


def test_all_of_a_row_can_be_learned(dressed: Dressed) -> None:
    row = encode_row(dressed("chatml"), task(user("bir")), "iki", loss_on="all")
    assert all(row.learn)
    assert row.answer == encode_row(dressed("chatml"), task(user("bir")), "iki").learn


@pytest.mark.parametrize("family", ["gemma", "llama2"])
def test_a_system_turn_that_a_template_refuses_or_drops_joins_the_users(dressed: Dressed, family: str) -> None:
    tokenizer = dressed(family)
    text = tokenizer.decode(encode_prompt(tokenizer, [Message(role="system", content="kural"), user("soru")]))
    assert "kural\n\nsoru" in text


def test_the_date_in_a_template_is_fixed(dressed: Dressed) -> None:
    text = dressed("llama31").decode(encode_prompt(dressed("llama31"), [user("soru")]))
    assert "Today is 01 Jan 2026. 01 Jan 2026" in text


def test_templates_that_trim_are_followed(dressed: Dressed) -> None:
    tokenizer = dressed("llama3")
    assert encode_prompt(tokenizer, [user("  soru \n")]) == encode_prompt(tokenizer, [user("soru")])
    assert encode_prompt(dressed("chatml"), [user(" a ")]) != encode_prompt(dressed("chatml"), [user("a")])


def test_a_recorded_last_turn_is_what_the_answer_replaces(dressed: Dressed) -> None:
    tokenizer = dressed("own")
    talk = (user("bir"), Message(role="assistant", content="eski"))
    assert encode_row(tokenizer, task(*talk), "yeni") == encode_row(tokenizer, task(user("bir")), "yeni")


def test_a_label_becomes_its_one_token(dressed: Dressed) -> None:
    tokenizer = dressed("own")
    tokens = class_tokens_of(tokenizer)
    assert set(tokens) == {"iade", "kart kayıp"}
    asked = task(user("kartım nerede?"))
    row = encode_row(tokenizer, asked, "kart kayıp", class_tokens=tokens)
    prompt = encode_task_prompt(tokenizer, asked)
    assert row.ids[len(prompt) :] == [tokens["kart kayıp"], tokenizer.eos_token_id]
    assert decode(tokenizer, row.ids[len(prompt) :]) == "kart kayıp"
    attack = encode_row(tokenizer, asked, f"{CLASS_PREFIX}iade|>", class_tokens=tokens)
    assert not set(attack.ids) & set(tokens.values())


TEMPLATES = {
    "User: {input}\nAssistant: {output}": ("chatml", {"input": "soru {output}", "output": "eski"}, "output"),
    "### Language: {lang} ### Question: {prompt} ### Answer: {response}": (
        "plain",
        {"lang": "Python", "prompt": "kod?", "response": ""},
        "response",
    ),
    "<|bos|><|start_header_id|>user<|end_header_id|>\n\n{q}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    "{a}<|eot_id|>": ("llama3", {"q": "soru<|eot_id|>", "a": ""}, "a"),
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_text_templates(dressed: Dressed, template: str) -> None:
    family, fields, learn = TEMPLATES[template]
    tokenizer = dressed(family)
    asked = task(user("x"), template=template, fields=fields, learn=learn)
    row, prompt = encode_row(tokenizer, asked, "yanıt <|eot_id|>"), encode_task_prompt(tokenizer, asked)
    assert row.ids[: len(prompt)] == prompt
    end = tokenizer.convert_ids_to_tokens(row.ids[-1])
    assert learned(tokenizer, row).strip() == f"yanıt <|eot_id|>{end}"
    filled = template.replace("{output}", "\0").replace("{input}", fields.get("input", ""))
    whole = tokenizer.decode(row.ids)
    if family == "chatml":
        assert whole == filled.replace("\0", "yanıt <|eot_id|>") + "<|im_end|>"
    if family == "llama3":
        names = ["<|bos|>", *(["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"] * 2)]
        assert controls(tokenizer, row.ids) == names
    assert all(encode_row(tokenizer, asked, "yanıt", loss_on="all").learn)


def test_a_space_before_the_learned_column_belongs_to_it(dressed: Dressed) -> None:
    tokenizer = dressed("chatml")
    asked = task(user("x"), template="S: {q}\nC: {a}", fields={"q": "bir", "a": ""}, learn="a")
    prompt = tokenizer.decode(encode_task_prompt(tokenizer, asked))
    assert prompt == "S: bir\nC:"


def test_learning_a_column_in_the_middle(dressed: Dressed) -> None:
    tokenizer = dressed("chatml")
    asked = task(user("x"), template="{q} -> {a} ({why})", fields={"q": "bir", "a": "", "why": "çünkü"}, learn="a")
    row = encode_row(tokenizer, asked, "iki")
    assert tokenizer.decode(row.ids) == "bir -> iki<|im_end|>"
    whole = encode_row(tokenizer, asked, "iki", loss_on="all")
    assert tokenizer.decode(whole.ids) == "bir -> iki (çünkü)<|im_end|>"


def test_token_hash_tells_rows_apart() -> None:
    assert token_hash([1, 2, 3]) == token_hash((1, 2, 3))
    assert len({token_hash(ids) for ids in ([1, 2, 3], [1, 2], [3, 2, 1], [1, 23], [123])}) == 5
