"""The export stage: the best student, in every format of the recipe, each proved against the student itself.

Enters: 6_student and 1_tasks. Leaves: 7_export/FORMAT/ folders with weights, model card and parity.json, as
Artifacts. An export that fails its proof is removed again and stops the run: nobody finds a wrong model in the
folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import cast

from imbik.core import students
from imbik.core.errors import RecipeError
from imbik.core.files import digest, file_digest, remove, write_json, write_text
from imbik.core.lineage import leaf
from imbik.core.plugins import make, typed_settings
from imbik.core.results import Artifact, Books
from imbik.core.runfolder import Manifest, RunFolder
from imbik.core.types import Task
from imbik.export.card import lineage, model_card
from imbik.export.formats import Format
from imbik.export.parity import ROWS, Parity, prompts_of, prove, prove_tokenizer, student_logits
from imbik.privacy.sensitivity import highest
from imbik.recipe import Recipe
from imbik.stage import Asker, StageContext, StageResult

FOLDER = "7_export"
_BEFORE = ("1_tasks", "2_answers", "3_refined", "4_reviewed", "5_logits", "6_student")
_NOT_THE_MODEL = {"README.md", "imbik.json", "parity.json"}


class ExportStage:
    """Whole-shaped: the model is written once for each format."""

    name = "export"
    folder = FOLDER
    version = 1

    def needed(self, recipe: Recipe) -> bool:
        """Unless the recipe says `export: []`."""
        return bool(recipe.export)

    def inputs(self, recipe: Recipe) -> Sequence[str]:  # noqa: ARG002 - the contract of stages
        """The student, and rows to prove the export on."""
        return ("tasks", "train")

    def settings(self, recipe: Recipe, asker: Asker) -> object:  # noqa: ARG002
        """Formats with their typed settings and versions."""
        return [
            {
                "use": block.use,
                "version": form.version,
                **typed_settings("export/formats", block).model_dump(mode="json"),
            }
            for block, form in zip(recipe.export, formats_of(recipe), strict=True)
        ]

    def run(self, context: StageContext) -> StageResult:
        """Write and prove every format.

        Raises: ImbikError when an export does not answer as the student.
        """
        forms = formats_of(context.recipe)
        manifests = manifests_before(context.run)
        tasks = _proof_tasks(context.run)
        context.progress.begin("export", len(forms))
        made = []
        for form in forms:
            made.append(_export(form, context, manifests, tasks))
            context.progress.advance("export")
        context.progress.end("export")
        return StageResult(
            books=Books(rows_in=len(forms), rows_out=len(made)),
            leaves=[leaf(artifact.format, model_digest(context.run.path / artifact.path)) for artifact, _ in made],
            sensitivity=highest(artifact.sensitivity for artifact, _ in made),
            artifacts=[artifact for artifact, _ in made],
            measured={f"deviation of {artifact.format}": f"{parity.deviation:.2e}" for artifact, parity in made},
        )


def formats_of(recipe: Recipe) -> list[Format]:
    """The recipe's formats, built.

    Raises: RecipeError when two blocks would write the same folder.
    """
    forms = [cast(Format, make("export/formats", block)) for block in recipe.export]
    names = [form.name for form in forms]
    for block, name in zip(recipe.export, names, strict=True):
        if names.count(name) > 1:
            raise RecipeError(
                f"export names '{name}' twice", where=block.where or "export", next="leave one of them out"
            )
    return forms


def manifests_before(run: RunFolder) -> dict[str, Manifest]:
    """Manifests of the stages that made the student, by folder, in order."""
    found = {folder: run.manifest(folder) for folder in _BEFORE}
    return {folder: manifest for folder, manifest in found.items() if manifest is not None}


def model_digest(folder: Path) -> str:
    """Hash of what makes the model: every file but the card and notes, which change when only a name does."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in _NOT_THE_MODEL)
    return digest(*chain.from_iterable((str(path.relative_to(folder)), file_digest(path)) for path in files))


def _export(
    form: Format, context: StageContext, manifests: Mapping[str, Manifest], tasks: Sequence[Task]
) -> tuple[Artifact, Parity]:
    """Write one format, prove it, describe it."""
    from imbik.models.load import load
    from imbik.models.model import weights_in

    target = context.folder / form.name
    student = load(students.best_weights(context.run))
    prompts = prompts_of(student, tasks)
    expected = student_logits(student, prompts)
    parameters = weights_in(student.network, merged=True)
    form.write(student, target, lineage(manifests))
    try:
        parity = prove(form, target, prompts, expected)
        prove_tokenizer(student, target, tasks)
    except BaseException:
        remove(target)
        raise
    write_json(target / "parity.json", parity)
    card = model_card(context.recipe, manifests, form, parity, student.sensitivity, parameters)
    write_text(target / "README.md", card)
    path = str(target.relative_to(context.run.path))
    return Artifact(path=path, sha256=file_digest(target), format=form.name, sensitivity=student.sensitivity), parity


def _proof_tasks(run: RunFolder) -> list[Task]:
    """Held-out tasks; the first tasks of any set where a run holds nothing out."""
    from imbik.tasks.read import held_out, read_tasks

    found = [task for tasks in held_out(run).values() for task in tasks[:ROWS]]
    return found or [task for task, _ in (row for row, _ in zip(read_tasks(run), range(ROWS), strict=False))]
