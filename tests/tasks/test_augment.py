"""Augmentation of training tasks: reference and family stay, what became another task is refused with its reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import pytest

from imbik.core.files import read_lines
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity, Task, TextReference
from imbik.tasks.augment import own_words
from imbik.tasks.augmentations.noise import Noise
from imbik.tasks.growth.faithful import names, numbers, unfaithful
from imbik.tasks.growth.journal import Refused
from imbik.tasks.read import read_tasks
from imbik.testing import FakeTeacher, Rule
from tasks.conftest import question
from tasks.growth.conftest import folder, run, write  # noqa: F401 - fixtures

TEXT = "Isparta'da 25 kilo gül, Iğdır'da 3,5 ton kayısı toplandı; İzmir için kaç çuval gerekir?"
AUGMENT = """
  augment:
{augment}
"""
_BODY = re.compile(r"\[(?:görev|metin|text|task)-\w+\]\n(.*)\n\[/", re.DOTALL)


def noise(**settings: float) -> Noise:
    return Noise(Noise.Settings(**settings))  # type: ignore[arg-type]


def many(made: Noise, text: str = TEXT, **task: object) -> list[str]:
    asked = question(text, **task)
    return [made.change(text, asked, Random(number)) for number in range(60)]


def test_noise_keeps_numbers_and_words_of_the_reference() -> None:
    reference = TextReference(text="kayısı")
    for text in many(noise(typos=0.6, diacritics=0.3, casing=0.3), reference=reference):
        assert numbers(text, "tr") == numbers(TEXT, "tr")
        assert "kayısı" in text
        assert text != TEXT


def test_texts_lose_all_their_diacritics_or_none() -> None:
    bare = "Isparta'da 25 kilo gul, Igdir'da 3,5 ton kayisi toplandi; Izmir icin kac cuval gerekir?"
    assert set(many(noise(typos=0, diacritics=1, casing=0))) == {bare}
    found = set(many(noise(typos=0, diacritics=0.5, casing=0)))
    assert found == {bare, TEXT}


def test_casing_is_turkish_or_wrong_as_programs_write_it() -> None:
    right = set(many(noise(typos=0, diacritics=0, casing=1, casing_wrong=0), "Isparta'nın ilçesi İzmir"))
    wrong = set(many(noise(typos=0, diacritics=0, casing=1, casing_wrong=1), "Isparta'nın ilçesi İzmir"))
    assert right == {"ISPARTA'NIN İLÇESİ İZMİR", "ısparta'nın ilçesi izmir"}
    assert wrong == {"ISPARTA'NIN ILÇESI İZMIR", "isparta'nın ilçesi izmir"}


def test_one_typing_error_is_made_where_nothing_else_is() -> None:
    plain = "bugün hava çok güzel değil mi acaba"
    for text in many(noise(typos=0.001, diacritics=0, casing=0), plain):
        changed = [(a, b) for a, b in zip(plain.split(), text.split(), strict=True) if a != b]
        assert len(changed) <= 1


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ("Ayşe 12 elmayı Ağrı'ya götürdü, sonra 3 tane daha aldı; kaç elması var?", ""),
        ("Ağrı'ya 12 elma götüren Ayşe 3 tane daha alınca kaç elması olur?", ""),
        ("Ayşe 13 elmayı Ağrı'ya götürdü, 3 tane daha aldı, kaç elması var?", "the number 12 is gone"),
        ("Ayşe 12 elmayı Ağrı'ya götürdü, 3 ve 4 tane daha aldı, kaç elması var?", "the number 4 was not in the task"),
        ("Ayşe 12 elmayı Van'a götürdü, 3 tane daha aldı, kaç elması var?", "the name 'Ağrı' is gone"),
        ("Kaç?", "far shorter than the task"),
    ],
)
def test_a_paraphrase_keeps_the_numbers_and_names_that_the_reference_depends_on(after: str, why: str) -> None:
    before = "Ayşe bahçeden 12 elma alıp Ağrı'ya gitti, yolda 3 elma daha aldı; kaç elması var?"
    task = question(before, reference=TextReference(text="15"))
    found = unfaithful(before, after, task)
    assert found.startswith(why) if why else not found
    assert bool(unfaithful(before, after, question(before))) == why.startswith("far")


def test_numbers_are_compared_by_value_and_names_without_their_endings() -> None:
    assert numbers("1.250 lira ve 2,50 lira", "tr") == numbers("1250 lira, 2,5 lira", "tr")
    assert names("Yarın Konya'ya gidiyoruz. Sabah erken. Ali gelecek mi?") == {"Konya"}


def test_a_passage_is_not_augmented() -> None:
    task = question("Uzun bir metin.\n\nKaç gün sürer?", passage="Uzun bir metin.")
    assert own_words(task) == "Kaç gün sürer?"
    assert own_words(question("Kaç gün?")) == "Kaç gün?"


def augmented(found: RunFolder) -> list[Task]:
    return [task for task, name in read_tasks(found) if task.origin is not None and name == "train"]


def recipe_with(path: Path, augment: str) -> Path:
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"  grow:\n.*?(?=teachers:)", AUGMENT.format(augment=augment), text, flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")
    return path


def test_noise_adds_training_tasks_with_reference_family_and_level(write: object, tmp_path: Path) -> None:  # noqa: F811
    with FakeTeacher() as teacher:
        found = run(recipe_with(write(teacher.base_url), "  - {use: noise, share: 0.5}"))  # type: ignore[operator]
        assert teacher.count == 0
    rows = {task.id: (task, name) for task, name in read_tasks(found)}
    made = augmented(found)
    assert 8 <= len(made) <= 24
    for task in made:
        assert task.origin is not None
        (parent,) = task.origin.of
        other, name = rows[parent]
        assert name == "train"
        assert task.id == f"{parent}-noise"
        assert (task.reference, task.category, task.sensitivity) == (
            other.reference,
            other.category,
            Sensitivity.PUBLIC,
        )
        assert task.group == (other.group or other.id)
        assert task.text != other.text
    manifest = found.manifest("1_tasks")
    assert manifest is not None
    assert manifest.books.balanced
    assert manifest.measured["augmented_noise"] == str(len(made))
    again = run(recipe_with(tmp_path / "recipe.yaml", "  - {use: noise, share: 0.5}"), runs="other")
    assert augmented(again) == made


def other_words(messages: Sequence[Mapping[str, str]]) -> str:
    """A paraphrase that now and then changes a number, or the whole text."""
    text = _BODY.search(messages[-1]["content"])[1]  # type: ignore[index]
    number = int(re.search(r"\d+", text)[0])  # type: ignore[index]
    if number % 5 == 0:
        text = text.replace("elma", f"elma ve {number + 1000} ayva")
    return json.dumps({"text": text if number % 7 == 0 else f"Lütfen hesapla: {text}"}, ensure_ascii=False)


@pytest.mark.parametrize(("use", "asked"), [("paraphrase", 1), ("back_translation", 2)])
def test_a_teacher_writes_other_words_and_what_changed_the_task_is_refused(
    write: object,  # noqa: F811
    use: str,
    asked: int,
) -> None:
    augment = f"  - {{use: {use}, share: 1.0}}"
    with FakeTeacher(other_words) as teacher:
        found = run(recipe_with(write(teacher.base_url), augment))  # type: ignore[operator]
        assert teacher.count == 32 * asked
    made = augmented(found)
    refused = list(read_lines(found.stage("1_tasks") / "refused.jsonl", Refused))
    assert len(made) + len(refused) == 32
    reasons = {item.reason for item in refused}
    assert reasons == {"nothing was changed", "it is another task than the one it was made of"}
    assert any("was not in the task" in item.detail for item in refused)
    assert all(task.origin and task.origin.teacher == "buyuk" for task in made)


def test_questions_that_fail_are_counted(write: object) -> None:  # noqa: F811
    with FakeTeacher(other_words, rules=[Rule("refusal", times=3)]) as teacher:
        found = run(recipe_with(write(teacher.base_url), "  - {use: paraphrase, share: 1.0}"))  # type: ignore[operator]
    manifest = found.manifest("1_tasks")
    assert manifest is not None
    assert manifest.books.failed == manifest.books.reasons["refused"] == 3
    assert manifest.books.balanced
