"""The student before training, and the tokenizer it uses: the one answer that capture, training and evaluation share.

Enters: a recipe and its run (refined rows on disk). Leaves: a folder with the student's tokenizer, and an untrained (or
pretrained) LanguageModel. A tokenizer that is trained, or taken from the teacher, lies in `tokenizer/` of the run, made
by whichever stage needs it first; the same rows give the same files.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Literal, Protocol

from imbik.core.errors import RecipeError
from imbik.core.files import (
    digest,
    digest_value,
    file_digest,
    fsync_folder,
    make_private,
    read_json,
    remove,
    write_json,
)
from imbik.core.runfolder import RunFolder
from imbik.core.types import Record
from imbik.models.folder import ABOUT, CONFIG, About, read_about, read_object
from imbik.models.gguf import tokenizer_home
from imbik.models.init import make as make_model
from imbik.models.kind import found_labels
from imbik.models.load import embeddings, load, load_tokenizer, resolve, sensitivity_of
from imbik.models.model import LanguageModel
from imbik.models.prune import pruned
from imbik.models.run_texts import RunTexts, training_ids, training_texts
from imbik.models.trim import ids_in_texts, trim_tokenizer, with_vocabulary
from imbik.privacy.sensitivity import highest
from imbik.recipe import Recipe
from imbik.recipe.training import Vocabulary

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
    if source is not None and origin == "own" and not labels and vocabulary_kept(recipe) is None:
        return source
    trim = vocabulary_kept(recipe)
    texts = None if source is not None and trim is None else training_texts(recipe, run)
    made = _Made(hash=_made_from(recipe, labels, source, texts))
    marker = folder / ".made.json"
    if not (marker.exists() and read_json(marker, _Made) == made):
        _replace(folder, lambda target: _write_tokenizer(recipe, run, source, texts, labels, target), made)
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
        model = _use_tokenizer(model, tokenizer, seed)
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


def _made_from(recipe: Recipe, labels: Sequence[str], source: Path | None, texts: RunTexts | None) -> str:
    """What a run's tokenizer depends on."""
    tokens = digest_value(texts.pairs) if texts else ""
    origin = digest(*((source / name).read_bytes() for name in _FILES if (source / name).exists())) if source else ""
    student = recipe.student
    made = [VERSION, student.vocabulary, student.architecture, list(labels), tokens, origin]
    trim = vocabulary_kept(recipe)
    if trim is not None:
        made.append([trim.size, [file_digest(path) for path in vocabulary_texts(recipe)]])
    return digest_value(made)


def vocabulary_kept(recipe: Recipe) -> Vocabulary | None:
    """What of a loaded model's vocabulary is kept; None for all of it."""
    keep = recipe.student.keep
    return None if keep is None else keep.vocabulary


def vocabulary_texts(recipe: Recipe) -> list[Path]:
    """Files of further texts that the kept vocabulary is for."""
    trim = vocabulary_kept(recipe)
    return [] if trim is None else [recipe.path(name) for name in trim.texts]


def _write_tokenizer(
    recipe: Recipe,
    run: RunFolder,
    source: Path | None,
    texts: RunTexts | None,
    labels: Sequence[str],
    target: Path,
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
    if recipe.student.model and (source / CONFIG).exists():
        # Which of its classes transformers reads a tokenizer by, and so how text is cut, hangs on this too.
        write_json(target / CONFIG, {"model_type": read_object(source / CONFIG).get("model_type", "")})
    trim = vocabulary_kept(recipe)
    if trim is not None:
        assert texts is not None
        whole = load_tokenizer(source)
        rows = chain(training_ids(recipe, run, whole), ids_in_texts(whole, vocabulary_texts(recipe)))
        trim_tokenizer(source, rows, target, size=trim.size)
        levels = [texts.sensitivity, *([trim.sensitivity] if trim.texts else []), sensitivity_of(source)[0]]
        write_json(target / ABOUT, About(sensitivity=highest(levels)))
    if labels:
        tokenizer = load_tokenizer(target)
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


def _use_tokenizer(model: LanguageModel, folder: Path, seed: int) -> LanguageModel:
    """Give a loaded model a trimmed tokenizer, or one with class tokens: rows of tokens that it had are its own, new
    ones are drawn around the mean of the old."""
    import torch

    from imbik.models.content import class_tokens_of
    from imbik.models.load import hash_of

    tokenizer, old = load_tokenizer(folder), model.tokenizer.get_vocab()
    ids = tokenizer.get_vocab()
    rows = [old[token] for token in sorted(ids, key=ids.__getitem__) if token in old]
    about = read_about(folder)
    if len(rows) < len(old):
        note = f"vocabulary: {len(rows):,} of {embeddings(model.network):,} tokens are kept"
        model = replace(model, network=with_vocabulary(model.network, rows), notes=(*model.notes, note), folder=None)
    model = replace(
        model,
        tokenizer=tokenizer,
        class_tokens=class_tokens_of(tokenizer),
        tokenizer_hash=hash_of(tokenizer),
        sensitivity=highest([model.sensitivity, about.sensitivity]) if about else model.sensitivity,
    )
    if len(tokenizer) > embeddings(model.network):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model.network.resize_token_embeddings(len(tokenizer))
    return model
