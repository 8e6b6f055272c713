"""What was made of erased rows and cannot be cleaned: weights, exports, tokenizers, students of other runs.

Enters: a run, a person. Leaves: a line for each, with what to type. Nothing here is ever claimed clean: weights forget
by being trained again without the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from imbik.advise.forget.erasing import Remains
from imbik.advise.forget.places import OLD, How, files_of
from imbik.advise.runs import recipe_of, run_paths
from imbik.core.errors import ImbikError
from imbik.core.runfolder import TRIALS, RunFolder
from imbik.privacy.person import Person
from imbik.recipe import Recipe, load_recipe

_STUDENTS, _EXPORTS = "6_student", "7_export"


def weights_of(run: RunFolder) -> list[Path]:
    """Folders of trained students, of this recipe and of replaced ones."""
    stages = [run.stage(_STUDENTS), *run.replaced(_STUDENTS)]
    return [path for stage in stages for path in sorted(stage.glob("*/seed-*")) if path.parent.name != "base"]


def trials_of(run: RunFolder) -> list[RunFolder]:
    """The trials of a search: what a trial made itself holds rows of the run; what it took over is a link."""
    return [RunFolder(path) for path in run_paths(run.path / TRIALS)]


def remaining_trials(run: RunFolder, learned: int) -> Iterator[Remains]:
    """Students of trials that learned erased rows."""
    trials = [trial for trial in trials_of(run) if weights_of(trial)] if learned else []
    if trials:
        yield Remains(
            path=TRIALS,
            why=f"weights of {len(trials)} trials {_of_erased(learned)}",
            next=f"rm -r {run.typed}/{TRIALS}; imbik search makes them anew",
        )


def remaining_weights(run: RunFolder, learned: int) -> Iterator[Remains]:
    """Weights that learned erased rows, and what was exported of them."""
    if not learned:
        return
    why = _of_erased(learned)
    again = f"imbik run {run.name} --from train, then imbik gc {run.name}"
    for path in weights_of(run):
        old = path.relative_to(run.path).parts[0] == OLD
        yield Remains(path=_place(run, path), why=f"weights {why}", next=f"imbik gc {run.name}" if old else again)
    for stage in (run.stage(_EXPORTS), *run.replaced(_EXPORTS)):
        old = stage.parent.name == OLD
        for path in sorted(item for item in stage.glob("*") if item.is_dir()):
            how = f"imbik gc {run.name}" if old else f"{again}; take back the copies that were handed on"
            yield Remains(path=_place(run, path), why=f"an export of weights that {why}", next=how)


def _of_erased(learned: int) -> str:
    return f"learned from {learned:,} erased {'sample' if learned == 1 else 'samples'}"


def remaining_tokenizers(run: RunFolder, recipe: Recipe | None, person: Person) -> Iterator[Remains]:
    """Tokenizers made of the run's rows (trained, or trimmed to them) whose vocabulary holds a piece of the person's
    name."""
    student = None if recipe is None else recipe.student
    trimmed = student is not None and student.keep is not None and student.keep.vocabulary is not None
    if not person or (student is not None and not trimmed and (student.model or student.tokenizer == "teacher")):
        return
    others = "it was trimmed to these rows" if trimmed else "one needs 20 rows or more, so others wrote it too"
    for found in files_of(run.path):
        if found.how is How.TOKENIZER and found.path.name == "tokenizer.json":
            held = pieces(found.path, person)
            if held:
                old = found.path.relative_to(run.path).parts[0] == OLD
                many = f"{held} {'token' if held == 1 else 'tokens'}"
                yield Remains(
                    path=_place(run, found.path),
                    why=f"its vocabulary holds a piece of the name ({many}; {others})",
                    next=f"imbik gc {run.name}"
                    if old
                    else f"imbik run {run.name} --from train, then imbik gc {run.name}",
                )


def pieces(tokenizer: Path, person: Person) -> int:
    """How many tokens of a tokenizer.json are a piece of the person's name."""
    try:
        content: Any = msgspec.json.decode(tokenizer.read_bytes())
    except msgspec.DecodeError:
        return 0
    vocabulary = content.get("model", {}).get("vocab", {})
    names = list(vocabulary) if isinstance(vocabulary, Mapping) else [item[0] for item in vocabulary]
    names += [item.get("content", "") for item in content.get("added_tokens", ())]
    letters = _byte_letters()
    return sum(person.in_token(_decoded(str(name), letters)) for name in names)


def students_elsewhere(run: RunFolder) -> list[Remains]:
    """Students of other runs of the folder that learned from this run's student, at any remove."""
    folder, found = run.home, list[Remains]()
    reached, todo = {run.path.resolve()}, [run.path.resolve()]
    recipes = {path.resolve(): _recipe(RunFolder(path)) for path in run_paths(folder)}
    while todo:
        source = todo.pop()
        for path, recipe in recipes.items():
            if path in reached or not (path / _STUDENTS).exists():
                continue
            if recipe is None or _learned_from(recipe, source, folder):
                reached.add(path)
                if recipe is not None:
                    todo.append(path)
                why = (
                    f"its student learned from run '{source.name}'"
                    if recipe is not None
                    else "its recipe cannot be read, so whether it learned from this run is not known"
                )
                found.append(Remains(path=path.name, why=why, next=f"imbik run {path.name} --from generate"))
    return found


def _learned_from(recipe: Recipe, source: Path, folder: Path) -> bool:
    """Whether a recipe names the run as a teacher, or begins with or asks weights that lie in it."""
    places = [recipe.student.model] if recipe.student.model else []
    for block in recipe.teachers.values():
        raw = block.raw
        if block.use == "run" and (name := raw.get("run")):
            places += [str(name), str(folder / str(name))]
        elif block.use == "run" and (path := raw.get("recipe")):
            try:
                places.append(str(folder / load_recipe(recipe.path(str(path))).name))
            except (ImbikError, OSError):
                return True
        elif raw.get("model"):
            places.append(str(raw["model"]))
    return any((recipe.path(place)).resolve().is_relative_to(source) for place in places)


def _recipe(run: RunFolder) -> Recipe | None:
    try:
        return recipe_of(run)
    except (ImbikError, OSError):
        return None


def _place(run: RunFolder, path: Path) -> str:
    return str(path.relative_to(run.home))


def _decoded(token: str, letters: Mapping[str, int]) -> str:
    """A token as text: byte-level vocabularies write each byte as a letter of its own (GPT-2)."""
    if all(letter in letters for letter in token):
        return bytes(letters[letter] for letter in token).decode(errors="ignore")
    return token.replace("▁", " ").removeprefix("##")


def _byte_letters() -> dict[str, int]:
    """GPT-2's letters for bytes: printable ones stand for themselves, the others follow from 256."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    found = {chr(byte): byte for byte in plain}
    others = [byte for byte in range(256) if byte not in set(plain)]
    return found | {chr(256 + number): byte for number, byte in enumerate(others)}
