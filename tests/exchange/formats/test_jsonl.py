"""chatml, openai, alpaca and sharegpt: every line is what the tools that read it document, and says what was said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from exchangekit import lay, lines, made, small, talk
from imbik.core.errors import UsageError
from imbik.core.types import Message
from imbik.exchange.rows import Wanted
from stagekit import make_sample, make_task

TEXT = {"type": "string", "minLength": 1}
OPENAI = {
    "type": "object", "required": ["messages"], "additionalProperties": False,
    "properties": {"messages": {"type": "array", "minItems": 2, "items": {
        "type": "object", "required": ["role", "content"], "additionalProperties": False,
        "properties": {"role": {"enum": ["system", "user", "assistant"]}, "content": TEXT, "weight": {"enum": [0, 1]}},
    }}},
}  # fmt: skip
"""platform.openai.com, supervised fine-tuning: `messages`, and `weight` for turns of the assistant."""
ALPACA = {
    "type": "object", "required": ["instruction", "output"],
    "properties": {
        "instruction": TEXT, "input": {"type": "string"}, "output": TEXT, "system": {"type": "string"},
        "history": {"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": TEXT}},
    },
}  # fmt: skip
"""LLaMA-Factory, data/README.md: alpaca, supervised fine-tuning."""
SHAREGPT = {
    "type": "object", "required": ["conversations"],
    "properties": {"conversations": {"type": "array", "minItems": 2, "items": {
        "type": "object", "required": ["from", "value"], "additionalProperties": False,
        "properties": {"from": {"enum": ["system", "human", "gpt"]}, "value": TEXT},
    }}},
}  # fmt: skip
"""LLaMA-Factory, data/README.md: sharegpt."""
SCHEMAS = {"openai": OPENAI, "alpaca": ALPACA, "sharegpt": SHAREGPT}


def as_llama_factory_reads(form: str, row: dict[str, Any]) -> list[tuple[str, str]]:
    """Turns as its converters make them: pairs of history, instruction with input; odd turns human, even ones gpt."""
    if form == "alpaca":
        said = [("system", row["system"])] if row["system"] else []
        for question, answer in row["history"]:
            said += [("user", question), ("assistant", answer)]
        asked = "\n".join(part for part in (row["instruction"], row["input"]) if part)
        return [*said, ("user", asked), ("assistant", row["output"])]
    roles = {"system": "system", "human": "user", "gpt": "assistant"}
    said = [(roles[turn["from"]], turn["value"]) for turn in row["conversations"]]
    spoken = [role for role, _ in said if role != "system"]
    assert spoken == ["user", "assistant"] * (len(spoken) // 2), "it would skip this row without a word"
    return said


WHOLE = [
    ("system", "Kısa yaz."),
    ("user", "İade süresi kaç gün?"),
    ("assistant", "14 gün."),
    ("user", "Işık için de mi?"),
    ("assistant", "<think>\nYasa ayrım yapmaz.\n</think>\n\nEvet, 14 gün."),
]


@pytest.mark.parametrize("form", ["alpaca", "sharegpt"])
def test_llama_factory_reads_every_turn(tmp_path: Path, form: str) -> None:
    folder, _ = made(small(tmp_path), form)
    for name in ("train", "validation", "test"):
        for row in lines(folder / f"{name}.jsonl"):
            jsonschema.validate(row, SCHEMAS[form])
    (row,) = lines(folder / "train.jsonl")
    assert as_llama_factory_reads(form, row) == WHOLE
    assert row["id"] == "t1#t#0"


@pytest.mark.parametrize("form", ["chatml", "openai"])
def test_messages_with_role_and_content(tmp_path: Path, form: str) -> None:
    folder, _ = made(small(tmp_path), form)
    (row,) = lines(folder / "train.jsonl")
    assert [(turn["role"], turn["content"]) for turn in row["messages"]] == WHOLE
    jsonschema.validate({"messages": row["messages"]}, OPENAI)
    assert "İade" in (folder / "train.jsonl").read_text(encoding="utf-8")


def test_openai_gets_nothing_but_messages_and_earlier_turns_are_learned_as_the_recipe_says(tmp_path: Path) -> None:
    folder, done = made(small(tmp_path / "a"), "openai")
    (row,) = lines(folder / "train.jsonl")
    jsonschema.validate(row, OPENAI)
    assert not any("weight" in turn for turn in row["messages"])
    assert done.notes == ["OpenAI takes files of 10 rows or more, and train has 1"]
    folder, _ = made(small(tmp_path / "b", turns="last"), "openai")
    (row,) = lines(folder / "train.jsonl")
    assert [turn.get("weight") for turn in row["messages"] if turn["role"] == "assistant"] == [0, None]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("inline", "<think>\nYasa ayrım yapmaz.\n</think>\n\nEvet, 14 gün."),
        ("think", "<think>\nYasa ayrım yapmaz.\n</think>\n\nEvet, 14 gün."),
        ("none", "Evet, 14 gün."),
    ],
)
def test_reasoning_as_wanted(tmp_path: Path, how: Any, said: str) -> None:
    folder, _ = made(small(tmp_path), "alpaca", wanted=Wanted(reasoning=how))
    assert lines(folder / "train.jsonl")[0]["output"] == said
    assert ("Yasa" in (folder / "train.jsonl").read_text(encoding="utf-8")) == (how != "none")


@pytest.mark.parametrize(
    ("how", "said"),
    [("inline", "2 + 3 = 5\nCevap: 5"), ("think", "<think>\n2 + 3 = 5\n</think>\n\nCevap: 5"), ("none", "Cevap: 5")],
)
def test_steps_of_a_problem_stand_in_the_answer_or_in_tags_or_not_at_all(tmp_path: Path, how: Any, said: str) -> None:
    run = lay(tmp_path, [make_sample(make_task("t1"))], kind="math")
    folder, _ = made(run, "chatml", wanted=Wanted(reasoning=how))
    assert lines(folder / "train.jsonl")[0]["messages"][-1]["content"] == said


def test_a_system_turn_for_rows_that_have_none(tmp_path: Path) -> None:
    folder, _ = made(small(tmp_path), "chatml", wanted=Wanted(system="Türkçe yanıtla."))
    assert lines(folder / "train.jsonl")[0]["messages"][0]["content"] == "Kısa yaz."
    assert lines(folder / "validation.jsonl")[0]["messages"][0] == {"role": "system", "content": "Türkçe yanıtla."}


@pytest.mark.parametrize(("form", "fits"), [("alpaca", False), ("sharegpt", False), ("chatml", True), ("openai", True)])
def test_what_a_tool_would_skip_is_left_out_and_counted(tmp_path: Path, form: str, fits: bool) -> None:
    said = (Message(role="user", content="Merhaba"), Message(role="user", content="Orada mısınız?"))
    odd = msgspec.structs.replace(talk("t1", "x"), messages=said)
    run = lay(tmp_path, [make_sample(odd, 0, "Evet.", ""), make_sample(talk("t2", "Selam"), 0, "Selam.", "")])
    folder, done = made(run, form)
    assert len(lines(folder / "train.jsonl")) == 1 + fits
    assert dict(done.left.reasons) == ({} if fits else {"user and assistant do not take turns": 1})


def test_a_settings_or_format_that_there_is_not_is_named(tmp_path: Path) -> None:
    run = small(tmp_path)
    with pytest.raises(UsageError, match="did you mean 'sharegpt'"):
        made(run, "shargpt")
    with pytest.raises(UsageError, match="unknown key 'pairs'"):
        made(run, "chatml", settings={"pairs": 2})
    assert not (run.path / "data").exists()
