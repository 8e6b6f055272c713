"""From files to tasks: shapes, mixed types, ids, sensitivity, language, sets, and errors that say what to do."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import InputError, RecipeError
from imbik.core.types import LabelReference, Sensitivity, TextReference, TurnsReference


def write(path: Path, rows: list[Any]) -> None:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))


@pytest.mark.parametrize(
    ("row", "question", "answer"),
    [
        ({"input": "Merhaba", "output": "Selam"}, "Merhaba", "Selam"),
        ({"instruction": "Çevir", "input": "cat", "output": "kedi"}, "Çevir\n\ncat", "kedi"),
        ({"instruction": "Şiir yaz", "input": "", "output": "Gül"}, "Şiir yaz", "Gül"),
        ({"instruction": "Özetle", "context": "Uzun", "response": "Kısa"}, "Özetle\n\nUzun", "Kısa"),
        ({"question": "Kaç?", "answer": 72}, "Kaç?", "72"),
        ({"context": "Ali geldi.", "question": "Kim geldi?", "answer": "Ali"}, "Ali geldi.\n\nKim geldi?", "Ali"),
        ({"prompt": "Bir", "response": "İki"}, "Bir", "İki"),
        ({"text": "Kötü", "label": "olumsuz"}, "Kötü", "olumsuz"),
        ({"premise": "Yağmur var.", "hypothesis": "Hava kuru.", "label": "çelişki"},
         "Öncül: Yağmur var.\nHipotez: Hava kuru.", "çelişki"),
        ({"document": "Uzun metin", "summary": "Kısa"}, "Şu metni özetle:\n\nUzun metin", "Kısa"),
        ({"messages": [{"role": "user", "content": "Ne?"}, {"role": "assistant", "content": "Bu"}]}, "Ne?", "Bu"),
        ({"soru": "Kaç?", "cevap": "Topla.\n#### 5"}, "Kaç?", "5"),
    ],
)  # fmt: skip
def test_shapes_become_questions_with_answers(
    tmp_path: Path, load: Any, row: dict[str, Any], question: str, answer: str
) -> None:
    write(tmp_path / "x.jsonl", [row])
    task = load("x.jsonl", split={"validation": 0, "test": 0}).tasks[0]
    assert task.messages[-1].content == question
    assert isinstance(task.reference, TextReference)
    assert task.reference.text == answer


def test_mixed_types_and_bad_rows(tmp_path: Path, load: Any) -> None:
    rows = [
        {"question": 12, "answer": 0.5},
        {"question": True, "answer": None},
        {"question": ["a"], "answer": "b"},
        {"question": "a", "answer": {"text": "b"}},
        {"question": "  ", "answer": "b"},
        {"answer": "b"},
        {"question": "a\x00b", "answer": "c"},
        {"question": "x" * 1_000_001, "answer": "c"},
    ]
    write(tmp_path / "x.jsonl", rows)
    loaded = load("x.jsonl")
    assert [(task.text, task.reference and task.reference.text) for task in loaded.tasks] == [
        ("12", "0.5"),
        ("true", None),
    ]
    assert [(bad.line, bad.reason) for bad in loaded.quarantine] == [
        (3, "not text"),
        (4, "not text"),
        (5, "the question is empty"),
        (6, "no question found"),
        (7, "holds NUL characters"),
        (8, "longer than 1,000,000 characters"),
    ]
    assert loaded.rows == 8
    assert "6 of 8 rows (75.0%) are in 1_tasks/quarantine.jsonl: not text (2)" in loaded.notes[-1]
    assert loaded.notes[-1].endswith("; the first: x.jsonl:3")


def test_text_is_kept_as_it_was_written(tmp_path: Path, load: Any) -> None:
    text = unicodedata.normalize("NFD", " Çağrı  merkezi\r\n ")
    write(tmp_path / "x.jsonl", [{"question": text, "answer": "a"}])
    assert load("x.jsonl").tasks[0].text == text


def test_system_turns_passages_reasoning_and_category(tmp_path: Path, load: Any) -> None:
    row = {
        "system": "Kısa yaz.",
        "bağlam": "Ali 3 elma aldı.",
        "soru": "Kaç?",
        "cevap": "3",
        "çözüm": "Üç.",
        "kategori": "sayma",
    }
    write(tmp_path / "x.jsonl", [row])
    task = load("x.jsonl").tasks[0]
    assert [message.role for message in task.messages] == ["system", "user"]
    assert (task.passage, task.category) == ("Ali 3 elma aldı.", "sayma")
    assert task.reference == TextReference(text="3", reasoning="Üç.")


def test_conversations_keep_earlier_turns(tmp_path: Path, load: Any) -> None:
    turns = ["Selam", "Buyurun", "Kartım yok", "Hemen bakıyorum"]
    roles = ["user", "assistant"] * 2
    messages = [{"role": role, "content": text} for role, text in zip(roles, turns, strict=True)]
    write(
        tmp_path / "x.jsonl",
        [{"messages": messages}, {"messages": messages[:1]}, {"dialogue": messages[:2], "id": "k"}],
    )
    first, second, third = load("x.jsonl", kind="conversation").tasks
    assert first.reference == TurnsReference(turns=("Buyurun", "Hemen bakıyorum"))
    assert len(first.messages) == 3
    assert second.reference is None
    assert third.id == "k"
    assert first.group == third.group != ""


def test_text_templates(tmp_path: Path, load: Any) -> None:
    write(tmp_path / "x.jsonl", [{"input": "Merhaba", "output": "Selam"}, {"input": "Dost", "output": ""}])
    template = "User: {input}\nAssistant: {output}"
    first, second = load("x.jsonl", text_template=template).tasks
    assert (first.template, first.fields, first.learn) == (template, {"input": "Merhaba"}, "output")
    assert first.text == "Merhaba"
    assert first.reference == TextReference(text="Selam")
    assert second.reference is None
    learned = load("x.jsonl", text_template=template, learn="input").tasks
    assert learned[0].learn == "input"
    assert learned[0].fields == {"output": "Selam"}
    renamed = load("x.jsonl", text_template="{soru} -> {output}", columns={"soru": "input"}).tasks[0]
    assert renamed.fields == {"soru": "Merhaba"}


def test_templates_of_classes_and_categories(tmp_path: Path, load: Any) -> None:
    write(tmp_path / "x.jsonl", [{"mesaj": "Kart", "niyet": "kart_kayip", "id": "1"}])
    task = load("x.jsonl", kind="classification", text_template="Mesaj: {mesaj}\nNiyet: {niyet}").tasks[0]
    assert task.reference == LabelReference(text="kart_kayip")
    assert task.id == "1"


def test_derived_ids_follow_the_content(tmp_path: Path, load: Any) -> None:
    rows = [
        {"question": "a", "answer": "1"},
        {"question": "b", "answer": "2"},
        {"question": "a", "answer": "1"},
    ]
    write(tmp_path / "x.jsonl", rows)
    first = [task.id for task in load("x.jsonl").tasks]
    assert first[2] == f"{first[0]}-2"
    write(tmp_path / "x.jsonl", [{"question": "c", "answer": "3"}, *rows[::-1]])
    assert [task.id for task in load("x.jsonl").tasks][1:] == [first[0], first[1], first[2]]
    write(tmp_path / "x.jsonl", [{"question": "a", "answer": "other"}])
    assert load("x.jsonl").tasks[0].id != first[0]


def test_explicit_ids(tmp_path: Path, load: Any) -> None:
    write(
        tmp_path / "x.jsonl",
        [{"id": 1, "question": "a"}, {"id": "", "question": "b"}, {"id": 1, "question": "c"}],
    )
    with pytest.raises(InputError, match=r"id '1' stands twice: at x.jsonl:1 and at x.jsonl:3"):
        load("x.jsonl")
    assert len(load("x.jsonl", columns={"id": ""}).tasks) == 3


def test_sensitivity(tmp_path: Path, load: Any) -> None:
    marks = ["public", " Internal ", "", "special", "gizli"]
    write(tmp_path / "x.jsonl", [{"question": f"q{n}", "gizlilik": mark} for n, mark in enumerate(marks)])
    loaded = load("x.jsonl", sensitivity="gizlilik")
    assert [task.sensitivity.value for task in loaded.tasks] == [
        "public",
        "internal",
        "confidential",
        "special",
    ]
    assert [(bad.line, bad.reason) for bad in loaded.quarantine] == [(5, "no such sensitivity")]
    assert {task.sensitivity for task in load("x.jsonl", sensitivity="confidential").tasks} == {
        Sensitivity.CONFIDENTIAL
    }
    with pytest.raises(InputError, match="'publik' is neither a level") as caught:
        load("x.jsonl", sensitivity="publik")
    assert "sensitivity: public" in caught.value.next


def test_language(tmp_path: Path, load: Any) -> None:
    write(
        tmp_path / "x.jsonl",
        [{"question": "a", "dil": "sl"}, {"question": "b", "dil": "hu-HU"}, {"question": "c", "dil": "?"}],
    )
    loaded = load("x.jsonl", language="dil")
    assert [task.language for task in loaded.tasks] == ["sl", "hu-hu"]
    assert loaded.quarantine[0].reason == "no language"
    assert load("x.jsonl").tasks[0].language == "tr"


def test_rows_and_prescribed_sets(tmp_path: Path, load: Any) -> None:
    write(
        tmp_path / "x.jsonl",
        [{"question": f"q{n}", "split": "dev" if n == 3 else "train"} for n in range(10)],
    )
    write(tmp_path / "t.jsonl", [{"question": "t0", "split": "B"}, {"question": "t1"}])
    assert [task.text for task in load("x.jsonl", rows="[2:5]").tasks] == ["q2", "q3", "q4"]
    assert [task.set for task in load("x.jsonl").tasks][2:5] == ["", "validation", ""]
    tasks = load("x.jsonl", rows="[:2]", test_source="t.jsonl", validation_source="x.jsonl").tasks
    assert [task.set for task in tasks] == [""] * 2 + ["validation"] * 10 + ["test"] * 2
    assert [task.set for task in load("t.jsonl").tasks] == ["", ""]
    assert [task.set for task in load("t.jsonl", columns={"set": "split"}).tasks] == ["B", ""]


def test_labels_in_two_spellings_are_one(tmp_path: Path, load: Any) -> None:
    labels = ["İade", "iade", "İade", "c++", "c", "kart_kayıp", "Kart kayıp", "kart_kayıp"]
    write(tmp_path / "x.jsonl", [{"text": f"t{n}", "label": label} for n, label in enumerate(labels)])
    loaded = load("x.jsonl", kind="classification")
    found = [task.reference.text for task in loaded.tasks]
    assert found == ["İade", "İade", "İade", "c++", "c", "kart_kayıp", "kart_kayıp", "kart_kayıp"]
    assert "2 spellings of labels" in loaded.notes[0]
    named = load("x.jsonl", kind={"use": "classification", "labels": ["iade", "kart kayıp"]})
    assert [task.reference.text for task in named.tasks] == ["iade"] * 3 + ["kart kayıp"] * 3
    assert {bad.reason for bad in named.quarantine} == {"no such label"}


def test_garbled_text_is_noticed(tmp_path: Path, load: Any) -> None:
    write(
        tmp_path / "x.jsonl",
        [{"question": text.encode().decode("cp1254")} for text in ("çok", "güç", "ölçü")],
    )
    assert "3 texts look like UTF-8 that was once read as Windows-1254" in load("x.jsonl").notes[-1]


@pytest.mark.parametrize(
    ("rows", "more", "what", "advice"),
    [
        (
            [{"foo": 1}],
            {},
            "none of the 1 rows can be used; the first: no question found: columns: foo",
            "columns:",
        ),
        ([{"question": "a"}], {"language": "türkçe"}, "neither a code", "language: tr"),
        ([{"question": "a"}], {"rows": "[5:9]"}, "no row is selected", "rows"),
        ([{"question": "a"}], {"split": {"by": "aile"}}, "split.by: 'aile'; columns: question", "mend"),
        ([[1]], {}, "not a JSON object", "mend"),
    ],
)
def test_nothing_usable_says_what_to_do(
    tmp_path: Path, load: Any, rows: list[Any], more: dict[str, Any], what: str, advice: str
) -> None:
    write(tmp_path / "x.jsonl", rows)
    with pytest.raises(InputError) as caught:
        load("x.jsonl", **more)
    assert what in caught.value.what
    assert advice in caught.value.next


def test_missing_files_and_wrong_columns(tmp_path: Path, load: Any) -> None:
    with pytest.raises(InputError, match="no such file"):
        load("x.jsonl")
    write(tmp_path / "x.jsonl", [{"question": "a"}])
    with pytest.raises(RecipeError, match="unknown field 'anser'; did you mean 'answer'"):
        load("x.jsonl", columns={"anser": "b"})


def test_tags_stand_where_the_recipe_says(tmp_path: Path, load: Any) -> None:
    rows = [
        {"question": "Bir?", "answer": "1", "etiketler": "hukuk; vergi, hukuk"},
        {"question": "İki?", "answer": "2", "etiketler": ["İş hukuku", " "]},
        {"question": "Üç?", "answer": "3"},
        {"question": "Dört?", "answer": "4", "etiketler": {"a": 1}},
    ]
    write(tmp_path / "rows.jsonl", rows)
    found = load("rows.jsonl", columns={"tags": "etiketler"})
    assert [task.tags for task in found.tasks] == [("hukuk", "vergi"), ("İş hukuku",), ()]
    assert [line.reason for line in found.quarantine] == ["not text"]
    assert [task.tags for task in load("rows.jsonl").tasks] == [()] * 4
