"""distilabel data sets, laid out by `datasets` as distilabel's own `save_to_disk` and the hub lay them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from imbik.core.errors import InputError
from imbik.core.types import TextReference
from imbik.pipeline import run as run_recipe
from imbik.tasks.sources.auto import resolve
from imbik.tasks.sources.distilabel import Distilabel
from stagekit import samples_in


def row(instruction: str, generation: str | None, model: str | None = "gpt-4o", **more: Any) -> dict[str, Any]:
    """A row of `TextGeneration`, with what distilabel keeps beside it."""
    metadata = {
        "raw_input_text_generation_0": [{"role": "user", "content": instruction}],
        "raw_output_text_generation_0": generation or "{bozuk",
        "statistics_text_generation_0": {"input_tokens": 9, "output_tokens": 4},
    }
    return {
        "instruction": instruction,
        "generation": generation,
        "distilabel_metadata": metadata,
        "model_name": model,
        **more,
    }


ROWS = [
    row("Başkent neresi?", "Ankara."),
    row("Işık hızı nedir?", "300.000 km/s"),
    row("Işık hızı nedir?", "Yaklaşık 300.000 km/s", "llama-3"),
    row("İade süresi?", None, None),
    row("Kargo ücreti?", None),
]


def save(folder: Path, *, configs: tuple[str, ...] = ("default",), rows: list[dict[str, Any]] | None = None) -> None:
    """`Distiset.save_to_disk`: a folder a configuration, card and pipeline beside them."""
    for name in configs:
        datasets.Dataset.from_list(rows or ROWS).save_to_disk(str(folder / name))
    (folder / "distiset_configs").mkdir()
    (folder / "distiset_configs" / "README.md").write_text("# Dataset Card\n")
    (folder / "distiset_configs" / "pipeline.yaml").write_text("pipeline: {name: p}\n")


def test_instructions_become_tasks_with_the_models_answers(tmp_path: Path, load: Any) -> None:
    save(tmp_path / "veri")
    loaded = load("veri", kind="generation")
    assert [task.text for task in loaded.tasks] == [
        "Başkent neresi?",
        "Işık hızı nedir?",
        "İade süresi?",
        "Kargo ücreti?",
    ]
    assert [[(item.name, item.text) for item in task.recorded] for task in loaded.tasks] == [
        [("gpt-4o", "Ankara.")], [("gpt-4o", "300.000 km/s"), ("llama-3", "Yaklaşık 300.000 km/s")], [], []
    ]  # fmt: skip
    assert all(task.reference is None for task in loaded.tasks)
    assert not loaded.quarantine
    assert any("2 answers in veri are null" in note for note in loaded.notes)
    assert any("1 of 5 rows in veri are further answers" in note for note in loaded.notes)
    assert any("written by gpt-4o, llama-3" in note for note in loaded.notes)


@pytest.mark.parametrize("layout", ["saved", "split", "parquet", "hub", "tagged"])
def test_every_layout_is_known_by_itself(tmp_path: Path, load: Any, layout: str) -> None:
    folder = tmp_path / "veri"
    data = datasets.Dataset.from_list(ROWS)
    if layout == "saved":
        data.save_to_disk(str(folder))
    elif layout == "split":
        datasets.DatasetDict({"train": data.select([0, 1, 2]), "test": data.select([3, 4])}).save_to_disk(str(folder))
    else:
        where = folder if layout == "parquet" else folder / "data"
        data = data.remove_columns("distilabel_metadata") if layout == "tagged" else data
        where.mkdir(parents=True)
        data.select([0, 1, 2]).to_parquet(str(where / "train-00000-of-00001.parquet"))
        data.select([3, 4]).to_parquet(str(where / "test-00000-of-00001.parquet"))
        if layout == "tagged":
            (folder / "README.md").write_text("---\ntags:\n- synthetic\n- distilabel\n- rlaif\n---\n")
    assert isinstance(resolve("veri", tmp_path), Distilabel)
    loaded = load("veri", kind="generation")
    assert sorted(len(task.recorded) for task in loaded.tasks) == [0, 0, 1, 2]
    assert sum(task.set == "test" for task in loaded.tasks) == (0 if layout == "saved" else 2)


def test_grouped_answers_and_a_conversation_with_a_system_prompt(tmp_path: Path, load: Any) -> None:
    rows = [
        {
            "instruction": "Kaç?",
            "generations": ["5", None, "6"],
            "generation_models": ["a", "b", "a"],
            "system_prompt": "Kısa.",
        },
        {"instruction": "Ne?", "generations": ["x", "y"], "generation_models": None, "system_prompt": None},
    ]
    save(tmp_path / "veri", rows=rows)
    first, second = load("veri", kind="generation").tasks
    assert [message.content for message in first.messages] == ["Kısa.", "Kaç?"]
    assert [(item.name, item.text) for item in first.recorded] == [("a", "5"), ("a-2", "6")]
    assert [item.name for item in second.recorded] == ["distilabel", "distilabel-2"]
    chat = [{"messages": [{"role": "user", "content": "Selam"}], "generation": "Selam!", "model_name": "m"}]
    save(tmp_path / "sohbet", rows=chat)
    (task,) = load({"use": "distilabel", "path": "sohbet", "answers": "reference"}, kind="conversation").tasks
    assert task.reference is not None
    assert task.reference.text == "Selam!"


def test_answers_as_the_known_ones(tmp_path: Path, load: Any) -> None:
    save(tmp_path / "veri")
    loaded = load({"use": "distilabel", "path": "veri", "answers": "reference"}, kind="generation")
    assert [task.reference for task in loaded.tasks[:2]] == [
        TextReference(text="Ankara."),
        TextReference(text="300.000 km/s"),
    ]
    assert [task.reference for task in loaded.tasks[2:]] == [None, None]


def test_rows_that_differ_in_more_than_the_answer_are_tasks_of_their_own(tmp_path: Path, load: Any) -> None:
    save(tmp_path / "veri", rows=[row("Kaç?", "5", id="a"), row("Kaç?", "6", id="b")])
    assert [task.id for task in load("veri", kind="generation").tasks] == ["a", "b"]


def test_what_cannot_be_read_is_a_quarantine_line(tmp_path: Path, load: Any) -> None:
    rows = [row("Kaç?", "5"), row("", "6"), {**row("Ne?", "x"), "instruction": None}]
    save(tmp_path / "veri", rows=rows)
    loaded = load("veri", kind="generation")
    assert len(loaded.tasks) == 1
    assert [(bad.line, bad.reason) for bad in loaded.quarantine] == [
        (2, "the question is empty"),
        (3, "the question is empty"),
    ]
    assert loaded.rows == 3
    structured = [
        {"instruction": "Kaç?", "generation": {"a": 1}, "model_name": "m"},
    ]
    save(tmp_path / "yapı", rows=structured)
    with pytest.raises(InputError, match="not text"):
        load("yapı", kind="generation")


def test_one_of_several_configurations_is_named(tmp_path: Path, load: Any) -> None:
    save(tmp_path / "veri", configs=("text_generation_0", "ultra_feedback_0"))
    with pytest.raises(InputError, match="configurations text_generation_0, ultra_feedback_0"):
        load("veri", kind="generation")
    with pytest.raises(InputError, match="say which"):
        load({"use": "distilabel", "path": "veri", "config": "x"}, kind="generation")
    loaded = load({"use": "distilabel", "path": "veri", "config": "text_generation_0"}, kind="generation")
    assert len(loaded.tasks) == 4


PAIRS = {"prompt": "Kaç?", "prompt_id": "e1", "chosen_model": "iyi", "rejected_model": "kötü", "chosen_rating": 5.0}


@pytest.mark.parametrize("form", ["turns", "text"])
def test_of_a_preference_pair_the_chosen_answer_is_taken(tmp_path: Path, load: Any, form: str) -> None:
    asked = {"role": "user", "content": "Kaç?"}
    chosen, rejected = ([asked, {"role": "assistant", "content": text}] for text in ("Beş.", "Bilmem."))
    pair: dict[str, Any] = (
        {"chosen": chosen, "rejected": rejected} if form == "turns" else {"chosen": "Beş.", "rejected": "Bilmem."}
    )
    save(tmp_path / "veri", rows=[{**PAIRS, **pair}])
    loaded = load("veri", kind="generation")
    (task,) = loaded.tasks
    assert (task.text, [(item.name, item.text) for item in task.recorded]) == ("Kaç?", [("iyi", "Beş.")])
    assert any("1 answers in veri were rejected in favour of the chosen one" in note for note in loaded.notes)


def test_a_chosen_conversation_keeps_all_its_turns(tmp_path: Path, load: Any) -> None:
    turns = [("system", "Kısa."), ("user", "İade?"), ("assistant", "14 gün."), ("user", "Emin misin?")]
    asked = [{"role": role, "content": text} for role, text in turns]
    chosen = [*asked, {"role": "assistant", "content": "Evet."}]
    save(tmp_path / "veri", rows=[{**PAIRS, "prompt": "Emin misin?", "chosen": chosen, "rejected": chosen}])
    (task,) = load("veri", kind="conversation").tasks
    assert [(message.role, message.content) for message in task.messages] == turns
    assert [item.text for item in task.recorded] == ["Evet."]


def test_rated_answers_stand_best_first_and_a_pair_made_of_them_adds_none(tmp_path: Path, load: Any) -> None:
    chosen = [{"role": "user", "content": "Kaç?"}, {"role": "assistant", "content": "iyi"}]
    rated = {
        "instruction": "Kaç?", "generations": ["orta", "iyi", "?"], "generation_models": ["a", "b", "c"],
        "ratings": [3.0, 5.0, None], "rationales": ["x", "y", "z"],
    }  # fmt: skip
    save(tmp_path / "veri", rows=[{**rated, **PAIRS, "chosen": chosen, "rejected": chosen}])
    loaded = load("veri", kind="generation")
    (task,) = loaded.tasks
    assert [(item.name, item.text) for item in task.recorded] == [("b", "iyi"), ("a", "orta"), ("c", "?")]
    assert not any("in favour" in note for note in loaded.notes)


def test_what_magpie_and_the_format_for_fine_tuning_write(tmp_path: Path, load: Any) -> None:
    save(tmp_path / "saksağan", rows=[{"instruction": "Kaç?", "response": "Beş.", "model_name": "m"}])
    (task,) = load("saksağan", kind="generation").tasks
    assert (task.reference, [(item.name, item.text) for item in task.recorded]) == (None, [("m", "Beş.")])
    turns = [{"role": "user", "content": "Kaç?"}, {"role": "assistant", "content": "Beş."}]
    rows = [{**row("Kaç?", "Beş."), "prompt": "Kaç?", "prompt_id": "e1", "messages": turns}]
    save(tmp_path / "ince", rows=rows)
    (task,) = load("ince", kind="generation").tasks
    assert (task.text, task.reference, len(task.recorded)) == ("Kaç?", None, 1)
    save(tmp_path / "yalın", rows=[{"messages": turns}])
    (task,) = load("yalın", kind="conversation").tasks
    assert (task.text, task.reference, [item.text for item in task.recorded]) == ("Kaç?", None, ["Beş."])


def test_configurations_of_the_hub_are_called_as_on_the_hub(tmp_path: Path, load: Any) -> None:
    for place in ("data", "ultra_feedback_0"):
        (tmp_path / "veri" / place).mkdir(parents=True)
        datasets.Dataset.from_list(ROWS).to_parquet(str(tmp_path / "veri" / place / "train-00000-of-00001.parquet"))
    with pytest.raises(InputError, match="configurations default, ultra_feedback_0"):
        load("veri", kind="generation")
    assert len(load({"use": "distilabel", "path": "veri", "config": "default"}, kind="generation").tasks) == 4


def test_folders_that_are_none(tmp_path: Path, load: Any) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load({"use": "distilabel", "path": "yok"}, kind="generation")
    (tmp_path / "boş").mkdir()
    with pytest.raises(InputError, match="no distilabel data set lies here"):
        load({"use": "distilabel", "path": "boş"}, kind="generation")
    save(tmp_path / "bozuk")
    (arrow,) = (tmp_path / "bozuk" / "default").glob("*.arrow")
    arrow.write_bytes(arrow.read_bytes()[:40])
    with pytest.raises(InputError, match="cannot be loaded"):
        load("bozuk", kind="generation")


RECIPE = """
name: eski
tasks: {source: veri, kind: generation, sensitivity: public, split: {validation: 0, test: 0}}
teachers: {eski: {use: recorded, written_by: [llama-3]}}
accept_terms: [llama-3]
refine: [shape]
student: {architecture: llama}
"""


def test_from_a_distilabel_folder_to_refined_rows_with_balanced_books(tmp_path: Path) -> None:
    from imbik.core.runfolder import RunFolder

    rows = [row(f"{n}. soru nedir?", f"{n}. uzun ve açık bir yanıt", "llama-3") for n in range(8)] + [
        row("Neden?", None)
    ]
    save(tmp_path / "veri", rows=rows)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    run_recipe(tmp_path / "recipe.yaml", runs=tmp_path / "runs", until="refine")
    run = RunFolder(tmp_path / "runs" / "eski")
    kept = samples_in(run, "3_refined")
    assert len(kept) == 8
    assert {sample.answer for sample in kept} == {f"{n}. uzun ve açık bir yanıt" for n in range(8)}
    books = {
        folder: manifest.books for folder in ("1_tasks", "2_answers", "3_refined") if (manifest := run.manifest(folder))
    }
    assert all(one.balanced for one in books.values())
    assert (books["1_tasks"].rows_out, books["2_answers"].failed, books["3_refined"].rows_out) == (9, 1, 8)
