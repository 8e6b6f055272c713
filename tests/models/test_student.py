"""The student before training: whose tokenizer, which weights, which labels as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import archkit
from imbik.core.errors import ModelError, RecipeError
from imbik.core.files import write_json
from imbik.core.runfolder import RunFolder, write_parts
from imbik.core.types import Completion, LabelReference, Message, Sample, Sensitivity, Task
from imbik.models.folder import read_about, tokenizer_hash
from imbik.models.load import load, load_tokenizer
from imbik.models.save import save
from imbik.models.student import initial_student, prepare_tokenizer, tokenizer_origin
from imbik.models.tokens import encode_prompt
from imbik.recipe import Recipe, build
from imbik.testing.tiny_models import TEXTS, make_model
from stagekit import make_run

MADE = {"architecture": "llama", "hidden_size": 16, "layers": 1, "heads": 2, "vocabulary": 330, "context": 64}
LABELS = ["iade", "kart kayıp"]


class Asker:
    """Knows where teachers lie."""

    def __init__(self, **folders: Path) -> None:
        self.folders = folders

    def model_folder(self, teacher: str) -> Path | None:
        return self.folders.get(teacher)


def recipe(kind: Any = "math", student: dict[str, Any] | None = None, **sections: Any) -> Recipe:
    data: dict[str, Any] = {
        "name": "deneme",
        "tasks": {"source": "rows.jsonl", "kind": kind, "sensitivity": "public"},
        "teachers": {"t": {"use": "in_process", "model": "m"}},
        "student": student or MADE,
    }
    return build({**data, **sections})


def finished(
    folder: Path, *, level: Sensitivity = Sensitivity.PUBLIC, extra: int = 0, texts: Sequence[str] = TEXTS
) -> RunFolder:
    """A run with refined rows: 30 training tasks that say the same things, and one validation task with a rare word."""
    samples = []
    for number in range(31 + extra):
        said = texts[number % len(texts)] + (" Zekeriyaköy" if number == 30 else "")
        task = Task(
            id=str(number),
            kind="math",
            messages=(Message(role="user", content=said),),
            reference=LabelReference(text=LABELS[0]),
            sensitivity=level,
        )
        completion = Completion(answer="Cevap: 7")
        sample = Sample(
            task=task,
            teacher="t",
            number=0,
            completion=completion,
            reasoning="12 - 5 = 7",
            answer="7",
            sensitivity=level,
        )
        samples.append(sample)
    sets = ["validation" if number == 30 else "train" for number in range(len(samples))]
    run = make_run(folder, [(sample.task, name) for sample, name in zip(samples, sets, strict=True)])
    write_json(run.stage("1_tasks") / "labels.json", LABELS)
    write_parts(run.begin("3_refined", "h"), iter(samples))
    return run


def test_a_tokenizer_is_trained_once_on_training_rows(tmp_path: Path) -> None:
    run = finished(tmp_path)
    folder = prepare_tokenizer(recipe(), run, Asker())
    assert folder == run.path / "tokenizer"
    tokenizer = load_tokenizer(folder)
    words = {tokenizer.decode([number]).strip() for number in range(len(tokenizer))}
    assert len(words & {"Cevap", "Cev", "evap", "ev"}) >= 1  # the marker that students write is in the text
    assert not any("Zek" in word for word in words)
    before = (folder / "tokenizer.json").stat().st_mtime_ns
    assert prepare_tokenizer(recipe(), run, Asker()) == folder
    assert (folder / "tokenizer.json").stat().st_mtime_ns == before
    smaller = {**MADE, "vocabulary": 265}
    prepare_tokenizer(recipe(student=smaller), run, Asker())
    assert len(load_tokenizer(folder)) == 265


def test_the_tokenizer_carries_the_sensitivity_of_its_text(tmp_path: Path) -> None:
    run = finished(tmp_path, level=Sensitivity.INTERNAL)
    about = read_about(prepare_tokenizer(recipe(), run, Asker()))
    assert about is not None
    assert about.sensitivity is Sensitivity.INTERNAL
    assert initial_student(recipe(), run).sensitivity is Sensitivity.INTERNAL


def test_a_made_student_takes_its_teachers_tokenizer(tmp_path: Path) -> None:
    teacher = make_model(tmp_path / "teacher", vocabulary=300).folder
    assert teacher is not None
    run = finished(tmp_path)
    student = initial_student(recipe(), run, Asker(t=teacher))
    assert student.tokenizer_hash == tokenizer_hash(teacher)
    assert student.network.config.vocab_size == 300
    assert initial_student(recipe(), run).tokenizer_hash == tokenizer_hash(teacher)  # later stages need no asker
    trained = initial_student(recipe(student={**MADE, "tokenizer": "train"}), run, Asker(t=teacher))
    assert trained.tokenizer_hash != tokenizer_hash(teacher)


def test_every_training_seed_has_its_own_first_weights(tmp_path: Path) -> None:
    run = finished(tmp_path)
    one, again, two = (initial_student(recipe(), run, Asker(), seed) for seed in (1, 1, 2))
    first = [model.network.get_input_embeddings().weight for model in (one, again, two)]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])
    default = initial_student(recipe(train={"seeds": [2, 1]}), run, Asker())
    assert torch.equal(default.network.get_input_embeddings().weight, first[2])


def test_labels_become_tokens_where_the_tokenizer_is_trained_here(tmp_path: Path) -> None:
    run = finished(tmp_path)
    student = initial_student(recipe("classification"), run, Asker())
    assert list(student.class_tokens) == LABELS
    said = {"use": "classification", "answer_as": "text"}
    assert initial_student(recipe(said), run, Asker()).class_tokens == {}
    given = {"use": "classification", "labels": ["x", "y"]}
    assert list(initial_student(recipe(given), run, Asker()).class_tokens) == ["x", "y"]


def test_labels_with_a_teachers_tokenizer(tmp_path: Path) -> None:
    run = finished(tmp_path)
    plain = make_model(tmp_path / "plain", vocabulary=300).folder
    with_classes = make_model(tmp_path / "classes", vocabulary=300, classes=LABELS).folder
    assert plain is not None
    assert with_classes is not None
    assert initial_student(recipe("classification"), run, Asker(t=plain)).class_tokens == {}
    assert list(initial_student(recipe("classification"), run, Asker(t=with_classes)).class_tokens) == LABELS
    forced = {"use": "classification", "answer_as": "token"}
    student = initial_student(recipe(forced), run, Asker(t=plain))
    assert list(student.class_tokens) == LABELS
    assert student.network.config.vocab_size == 302
    with pytest.raises(RecipeError, match="logits could not be used"):
        prepare_tokenizer(recipe(forced, capture={"teacher": "t"}), run, Asker(t=plain))


def test_a_loaded_student_is_itself(tmp_path: Path) -> None:
    run = finished(tmp_path)
    model = make_model(tmp_path / "base")
    loaded = recipe(student={"model": str(tmp_path / "base")})
    assert prepare_tokenizer(loaded, run, Asker()) == tmp_path / "base"
    student = initial_student(loaded, run)
    weight = model.network.get_input_embeddings().weight
    assert torch.equal(student.network.get_input_embeddings().weight, weight)
    tokens = recipe({"use": "classification", "answer_as": "token"}, student={"model": str(tmp_path / "base")})
    one, two = initial_student(tokens, run, Asker()), initial_student(tokens, run, Asker())
    assert list(one.class_tokens) == LABELS
    grown = one.network.get_input_embeddings().weight
    assert grown.shape[0] == 322
    assert torch.equal(grown[:320], weight)
    assert torch.equal(grown, two.network.get_input_embeddings().weight)


@pytest.mark.parametrize(
    ("student", "words"),
    [
        ({"model": "embedded:base", "tokenizer": "train"}, "keeps its own"),
        ({**MADE, "tokenizer": "own"}, "no tokenizer of its own"),
        ({**MADE, "tokenizer": "teacher"}, "no teacher of this recipe"),
    ],
)
def test_what_cannot_be(student: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        tokenizer_origin(recipe(student=student), Asker())
    assert caught.value.next


def test_no_rows_to_train_on(tmp_path: Path) -> None:
    run = make_run(tmp_path, [])
    write_parts(run.begin("3_refined", "h"), iter([]))
    with pytest.raises(ModelError, match="no kept training rows"):
        prepare_tokenizer(recipe(), run, Asker())


def test_a_loaded_student_keeps_the_tokens_of_its_rows(tmp_path: Path) -> None:
    folder = archkit.make_family("llama-3.2", tmp_path / "m")
    run = finished(tmp_path / "r", level=Sensitivity.INTERNAL)
    whole = load(folder)
    student = {"model": str(folder), "keep": {"layers": 1, "vocabulary": "used"}}
    made = initial_student(recipe(student=student), run, Asker())
    assert made.folder is None
    assert len(made.tokenizer) == made.network.config.vocab_size < len(whole.tokenizer)
    assert made.parameters < whole.parameters
    assert made.sensitivity is Sensitivity.INTERNAL, "which tokens there are tells of the rows"
    assert any(note.startswith("vocabulary: ") for note in made.notes)
    text = TEXTS[0] + " Cevap: 7"
    pieces = [one.convert_ids_to_tokens(one(text)["input_ids"]) for one in (made.tokenizer, whole.tokenizer)]
    assert pieces[0] == pieces[1]
    save(made, tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert again.tokenizer_hash == made.tokenizer_hash
    ids = torch.tensor([made.tokenizer(text)["input_ids"]])
    with torch.no_grad():
        torch.testing.assert_close(again.network(input_ids=ids).logits, made.network.eval()(input_ids=ids).logits)


def test_texts_of_ones_own_and_labels_join_a_trimmed_vocabulary(tmp_path: Path) -> None:
    folder = archkit.make_family("qwen3", tmp_path / "m")
    run = finished(tmp_path / "r", texts=TEXTS[:1])
    used = {"model": str(folder), "keep": {"vocabulary": "used"}}
    plain = initial_student(recipe(student=used), run, Asker())
    (tmp_path / "more.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    more = {**used, "keep": {"vocabulary": {"texts": [str(tmp_path / "more.txt")], "sensitivity": "special"}}}
    wider = initial_student(recipe(student=more), run, Asker())
    assert len(wider.tokenizer) > len(plain.tokenizer)
    assert wider.sensitivity is Sensitivity.SPECIAL
    kind = {"use": "classification", "answer_as": "token", "labels": ["x", "y"]}
    labelled = initial_student(recipe(kind, student=used), run, Asker())
    assert list(labelled.class_tokens) == ["x", "y"]
    assert labelled.network.config.vocab_size == len(labelled.tokenizer)


@pytest.mark.parametrize("family", ["mistral", "phi-3-mini-4k"])
def test_the_runs_own_tokenizer_cuts_text_as_the_model_folder_does(tmp_path: Path, family: str) -> None:
    """transformers reads the same files by another class where no config.json says whose they are."""
    folder, run = archkit.make_family(family, tmp_path / "m"), finished(tmp_path / "r")
    kind = {"use": "classification", "answer_as": "token", "labels": ["x", "y"]}
    labelled = initial_student(recipe(kind, student={"model": str(folder)}), run, Asker())
    messages = [Message(role="user", content=TEXTS[0])]
    assert encode_prompt(labelled.tokenizer, messages) == encode_prompt(load_tokenizer(folder), messages)
