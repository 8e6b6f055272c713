"""The student before training, and the tokenizer it uses: the one answer that capture, training and evaluation share.

Enters: a recipe and its run (refined rows on disk). Leaves: a folder with the student's tokenizer, and an untrained (or
pretrained) LanguageModel. A tokenizer that is trained, or taken from the teacher, lies in `tokenizer/` of the run, made
by whichever stage needs it first; the same rows give the same files.

The run folder is read through core types alone: models stand left of tasks.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from imbik.core.errors import ModelError, RecipeError
from imbik.core.files import (
    digest,
    digest_value,
    fsync_folder,
    make_private,
    read_json,
    read_lines,
    remove,
    write_json,
)
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Record, Sample, Sensitivity
from imbik.models.folder import ABOUT, About
from imbik.models.gguf import tokenizer_home
from imbik.models.init import make as make_model
from imbik.models.kind import found_labels, kind_with_labels
from imbik.models.load import embeddings, load, load_tokenizer, resolve
from imbik.models.model import LanguageModel
from imbik.models.prune import pruned
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe

TOKENIZER = "tokenizer"
VERSION = 2  # 2: what detectors of personal data find is masked
_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", ABOUT)
Origin = Literal["own", "teacher", "train"]


class Teachers(Protocol):
    """What is needed of `imbik.stage.Asker`."""

    def model_folder(self, teacher: str) -> Path | None:
        """The weights folder of a teacher that is a model here, else None."""
        ...


class _Made(Record, frozen=True, kw_only=True):
    """Left beside a run's tokenizer: what it was made from."""

    hash: str


class _Assigned(Record, frozen=True, kw_only=True):
    id: str
    set: str


class _Texts(NamedTuple):
    """(task id, text) pairs a tokenizer is trained on, and the highest sensitivity among them."""

    pairs: list[tuple[str, str]]
    sensitivity: Sensitivity


def tokenizer_origin(recipe: Recipe, asker: Teachers | None) -> tuple[Origin, Path | None]:
    """Where the student's tokenizer comes from, with the folder for `own` and `teacher`.

    Raises: RecipeError when the recipe asks for one that cannot be.
    """
    student, said = recipe.student, recipe.student.tokenizer
    if student.model:
        if said not in ("", "own"):
            raise RecipeError(
                f"a loaded model keeps its own tokenizer; `{said}` would give its embeddings another meaning",
                where="student.tokenizer",
                next="--set student.tokenizer=own, or make the student from a config (student.architecture)",
            )
        return "own", resolve(student.model, recipe.base)
    if said == "own":
        raise RecipeError(
            "a model made here has no tokenizer of its own",
            where="student.tokenizer",
            next="--set student.tokenizer=train",
        )
    teacher = teacher_folder(recipe, asker) if said in ("", "teacher") else None
    if teacher is not None:
        return "teacher", teacher
    if said == "teacher":
        raise RecipeError(
            "no teacher of this recipe is a model here (in_process or run) whose tokenizer could be used",
            where="student.tokenizer",
            next="--set student.tokenizer=train",
        )
    return "train", None


def teacher_folder(recipe: Recipe, asker: Teachers | None) -> Path | None:
    """The folder with the tokenizer of the teacher whose distributions are learned (captured, or beside the student),
    else of the first answering one that is a model here."""
    if asker is None:
        return None
    captured = [recipe.capture.teacher] if recipe.capture and recipe.capture.teacher else []
    beside = [name for name in recipe.train.beside if name in recipe.teachers]
    folders = (asker.model_folder(name) for name in (*captured, *beside, *recipe.answering_teachers()))
    found = next((folder for folder in folders if folder is not None), None)
    return None if found is None else tokenizer_home(found)


def prepare_tokenizer(recipe: Recipe, run: RunFolder, asker: Teachers | None = None) -> Path:
    """The folder of the student's tokenizer, made if it is not there or no longer fits the rows.

    Without `asker` the teachers are not looked at: the tokenizer that an earlier stage made is used.
    """
    folder = run.path / TOKENIZER
    if asker is None and recipe.student.architecture and (folder / "tokenizer.json").exists():
        return folder
    origin, source = tokenizer_origin(recipe, asker)
    labels = token_labels(recipe, run, origin)
    if source is not None and origin == "own" and not labels:
        return source
    texts = None if source is not None else _training_texts(recipe, run)
    made = _Made(hash=_made_from(recipe, labels, source, texts))
    marker = folder / ".made.json"
    if not (marker.exists() and read_json(marker, _Made) == made):
        _replace(folder, lambda target: _write_tokenizer(recipe, source, texts, labels, target), made)
    return folder


def initial_student(
    recipe: Recipe,
    run: RunFolder,
    asker: Teachers | None = None,
    seed: int | None = None,
    loader: Callable[[Path], LanguageModel] = load,
) -> LanguageModel:
    """The student before its first step.

    `seed` is the training seed (default: the recipe's first): each draws its own weights where the model is made here.
    `loader` reads a model that is loaded as it is; one whose embeddings grow is read in full.
    """
    student = recipe.student
    seed = recipe.train.seeds[0] if seed is None else seed
    tokenizer = prepare_tokenizer(recipe, run, asker)
    if student.architecture:
        drawn = int(digest(str(student.seed), str(seed))[:8], 16)
        return make_model(student.model_copy(update={"seed": drawn}), tokenizer)
    folder = resolve(student.model, recipe.base)
    if tokenizer == folder and student.keep is None:
        return loader(folder)
    model = load(folder)
    if student.keep is not None:
        model = pruned(model, student.keep)
    if tokenizer != folder:
        _use_tokenizer(model, tokenizer, seed)
    return model


def token_labels(recipe: Recipe, run: RunFolder, origin: Origin) -> list[str]:
    """Labels that get a token of their own: `answer_as: token`, or auto where its tokenizer is trained here."""
    said = recipe.tasks.kind.raw.get("answer_as", "auto")
    if recipe.tasks.kind.use != "classification" or said == "text" or (said == "auto" and origin != "train"):
        return []
    if origin == "teacher" and (recipe.capture is not None or recipe.train.beside):
        raise RecipeError(
            "answer_as: token adds tokens that the teacher does not have, so its logits could not be used",
            where="tasks.kind.answer_as",
            next="leave answer_as out: the student then answers as its teacher does",
        )
    return list(recipe.tasks.kind.raw.get("labels") or found_labels(run))


def _made_from(recipe: Recipe, labels: Sequence[str], source: Path | None, texts: _Texts | None) -> str:
    """What a run's tokenizer depends on."""
    tokens = digest_value(texts.pairs) if texts else ""
    origin = digest(*((source / name).read_bytes() for name in _FILES if (source / name).exists())) if source else ""
    student = recipe.student
    return digest_value([VERSION, student.vocabulary, student.architecture, list(labels), tokens, origin])


def _write_tokenizer(
    recipe: Recipe, source: Path | None, texts: _Texts | None, labels: Sequence[str], target: Path
) -> None:
    from imbik.models.train_tokenizer import add_class_tokens, train_tokenizer

    if source is None:
        assert texts is not None
        train_tokenizer(
            texts.pairs,
            vocabulary=recipe.student.vocabulary,
            classes=labels,
            folder=target,
            architecture=recipe.student.architecture,
        )
        write_json(target / ABOUT, About(sensitivity=texts.sensitivity, classes=tuple(labels)))
        return
    for name in _FILES:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
    if labels:
        tokenizer = load_tokenizer(source)
        add_class_tokens(tokenizer, labels)
        tokenizer.save_pretrained(target)


def _replace(folder: Path, write: Callable[[Path], None], made: _Made) -> None:
    """Write a folder beside the old one, then let it take its place; the marker is last inside it."""
    temporary = folder.with_name(f".{folder.name}.tmp")
    remove(temporary)
    temporary.mkdir(parents=True, mode=0o700)
    write(temporary)
    make_private(temporary)
    write_json(temporary / ".made.json", made)
    remove(folder)
    temporary.replace(folder)
    fsync_folder(folder.parent)


def _use_tokenizer(model: LanguageModel, folder: Path, seed: int) -> None:
    """Give a loaded model the tokenizer with class tokens; new embeddings are drawn around the mean of the old."""
    import torch

    from imbik.models.content import class_tokens_of
    from imbik.models.load import hash_of

    model.tokenizer = load_tokenizer(folder)
    model.class_tokens, model.tokenizer_hash = class_tokens_of(model.tokenizer), hash_of(model.tokenizer)
    if len(model.tokenizer) > embeddings(model.network):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model.network.resize_token_embeddings(len(model.tokenizer))


def _training_texts(recipe: Recipe, run: RunFolder) -> _Texts:
    """Texts of the training rows: each task's own once, and every kept answer as the student will write it."""
    kind = kind_with_labels(recipe, run)
    pairs: list[tuple[str, str]] = []
    level, seen = Sensitivity.PUBLIC, set[str]()
    for sample in _kept(recipe, run):
        task = sample.task
        level = inherited(level, sample.sensitivity)
        if task.id not in seen:
            seen.add(task.id)
            pairs.extend((task.id, text) for text in _task_texts(sample))
        pairs.append((task.id, str(kind.render(sample.reasoning, sample.answer, task))))
    if not pairs:
        raise ModelError(
            "there are no kept training rows to train a tokenizer on",
            where=str(run.path),
            next=f"imbik show {run.name} says where the rows went",
        )
    return _Texts(pairs, level)


def _task_texts(sample: Sample) -> list[str]:
    task = sample.task
    if not task.template:
        return [message.content for message in task.messages]
    return [task.template, *(text for name, text in task.fields.items() if name != task.learn)]


def _kept(recipe: Recipe, run: RunFolder) -> Iterator[Sample]:
    """Kept samples of training tasks."""
    assigned = read_lines(run.stage("1_tasks") / "splits.jsonl", _Assigned)
    training = {item.id for item in assigned if item.set == "train"}
    folder = run.stage("4_reviewed" if recipe.review is not None else "3_refined")
    return (sample for sample in read_parts(folder, Sample) if sample.task.id in training)
