"""Every assistant's turn as a task of its own, and history cut by whole turns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.types import Message, TurnsReference
from imbik.recipe import load_recipe
from imbik.tasks.kinds.conversation import Conversation
from imbik.tasks.load import Loaded, load_tasks
from imbik.tasks.turns import shortened

TALK = [
    ("system", "Nazik ol."),
    ("user", "Siparişim gelmedi."),
    ("assistant", "Numarası nedir?"),
    ("user", "İ-7781"),
    ("user", "Acele lütfen."),
    ("assistant", "Bugün dağıtımda."),
    ("user", "Teşekkürler"),
    ("assistant", "Rica ederim."),
]


def messages(turns: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in turns]


def loaded(folder: Path, rows: list[dict[str, object]], more: str = "", **settings: object) -> Loaded:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    kind = json.dumps({"use": "conversation", **settings})
    text = f"name: r\ntasks: {{source: rows.jsonl, sensitivity: public, kind: {kind}{more}}}\n"
    (folder / "r.yaml").write_text(text + "generate: {from: reference}\nstudent: {architecture: llama}\n", "utf-8")
    recipe = load_recipe(folder / "r.yaml")
    return load_tasks(recipe, Conversation(Conversation.Settings.model_validate(settings)))


def test_the_last_turn_alone_is_the_default(tmp_path: Path) -> None:
    found = loaded(tmp_path, [{"messages": messages(TALK)}])
    (task,) = found.tasks
    assert [message.content for message in task.messages] == [text for _, text in TALK[:-1]]
    assert task.reference == TurnsReference(turns=("Numarası nedir?", "Bugün dağıtımda.", "Rica ederim."))
    assert found.notes == []


def test_every_turn_is_a_task_with_the_history_that_it_had(tmp_path: Path) -> None:
    found = loaded(tmp_path, [{"messages": messages(TALK)}, {"messages": messages(TALK[:3])}], answers="every")
    sizes = [len(task.messages) for task in found.tasks]
    assert sizes == [2, 5, 7, 2]
    known = [task.reference.text for task in found.tasks if task.reference]
    assert known == ["Numarası nedir?", "Bugün dağıtımda.", "Rica ederim.", "Numarası nedir?"]
    assert [len(t.reference.turns) for t in found.tasks if isinstance(t.reference, TurnsReference)] == [1, 2, 3, 1]
    assert len({task.id for task in found.tasks}) == 4
    assert len({task.group for task in found.tasks}) == 1  # cuts of one talk stand in one set
    assert found.rows == 2
    assert found.parts == 2
    assert "2 rows gave 4 tasks" in found.notes[0]
    assert "tasks.turns: last" in found.notes[1]


def test_named_rows_give_named_turns_and_a_turn_nobody_answered_has_no_reference(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"id": "k17", "messages": messages(TALK[:-1])}]
    found = loaded(tmp_path, rows, ", turns: last", answers="every")
    assert [task.id for task in found.tasks] == ["k17.1", "k17.2", "k17.3"]
    assert [task.reference is None for task in found.tasks] == [False, False, True]
    assert len(found.notes) == 1


@pytest.mark.parametrize(
    ("turns", "characters", "kept"),
    [(0, 0, 6), (99, 999, 6), (6, 0, 6), (5, 0, 4), (4, 0, 4), (3, 0, 1), (1, 0, 1), (0, 9, 1), (0, 54, 4), (2, 54, 1)],
)
def test_history_is_cut_by_whole_turns(turns: int, characters: int, kept: int) -> None:
    talk = [Message(role=role, content=text) for role, text in TALK[:-1]]  # type: ignore[arg-type]
    assert shortened(talk, turns, characters) == (talk[0], *talk[len(talk) - kept :])


@given(st.lists(st.sampled_from("ua"), max_size=12), st.integers(0, 14), st.integers(0, 60), st.integers(1, 9))
def test_what_is_left_is_an_end_of_the_talk_that_begins_with_a_user(
    roles: list[str], turns: int, characters: int, size: int
) -> None:
    talk = [Message(role="user" if role == "u" else "assistant", content="ğ" * size) for role in roles]
    talk.append(Message(role="user", content="ş" * size))
    left = shortened(talk, turns, characters)
    assert left == tuple(talk[len(talk) - len(left) :])
    cut = len(left) < len(talk)
    assert not cut or left[0].role == "user"
    fits = (not turns or len(left) <= turns) and (not characters or size * len(left) <= characters)
    ends = [place for place, message in enumerate(left) if message.role == "assistant"]
    assert fits or not ends  # what is over the limit is one user's own turns, which stay whole


def test_a_cut_history_keeps_the_turns_number(tmp_path: Path) -> None:
    found = loaded(tmp_path, [{"messages": messages(TALK)}], answers="every", history=2)
    assert [[m.role for m in task.messages[1:]] for task in found.tasks] == [["user"], ["user", "user"], ["user"]]
    assert [len(t.reference.turns) for t in found.tasks if isinstance(t.reference, TurnsReference)] == [1, 2, 3]
