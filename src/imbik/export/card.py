"""The model card: what an exported student is, what it was made of, how private that was, how to load it.

Enters: recipe, run folder, the student and the format with its parity. Leaves: README.md beside the weights, so that
whoever finds the folder later knows what it is without asking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imbik import __version__
from imbik.core.runfolder import Manifest
from imbik.core.types import Sensitivity
from imbik.export.formats import Format
from imbik.export.parity import Parity
from imbik.models.load import EMBEDDED
from imbik.recipe import Recipe
from imbik.teachers.catalogue.terms import terms_of_recipe

_HANDLING = {
    Sensitivity.PUBLIC: "It was trained on rows marked public.",
    Sensitivity.INTERNAL: "It was trained on internal rows: it, and what it answers, stay inside the organisation.",
    Sensitivity.CONFIDENTIAL: (
        "It was trained on confidential rows and may repeat parts of them: treat the weights, and every answer, as "
        "confidential. Handing it to anyone else is handing over the rows."
    ),
    Sensitivity.SPECIAL: (
        "It was trained on special-category rows (KVKK art. 6) and may repeat parts of them: the weights and every "
        "answer fall under the same conditions as the rows, and erasure of a person's rows means training again."
    ),
}
_COUNTS = (
    ("1_tasks", "tasks read"),
    ("2_answers", "answers asked for"),
    ("3_refined", "answers kept by the checks"),
    ("4_reviewed", "answers kept by experts"),
)


def model_card(
    recipe: Recipe,
    manifests: Mapping[str, Manifest],
    form: Format,
    parity: Parity,
    sensitivity: Sensitivity,
    parameters: int,
) -> str:
    """README.md of an exported folder."""
    parts = [
        _front_matter(recipe),
        f"# {recipe.name}\n\n{_origin(recipe, parameters)}",
        f"## Intended use\n\n{_use(recipe)}",
        f"## Sensitivity: {sensitivity.value}\n\n{_HANDLING[sensitivity]}",
        f"## Training data\n\n{_data(manifests)}",
        f"## How to load it\n\nNothing of imbik is needed.\n\n{form.usage}",
        f"## Proof\n\n{_proof(parity)}",
        f"## Licence\n\n{_licence(recipe)}",
        f"## Lineage\n\n{_lineage(manifests)}\n\nMade by imbik {__version__}.",
    ]
    return "\n\n".join(parts) + "\n"


def lineage(manifests: Mapping[str, Manifest]) -> dict[str, str]:
    """Stage name to the hash of what it was made of."""
    return {manifest.stage: manifest.hash for manifest in manifests.values()}


def _front_matter(recipe: Recipe) -> str:
    """What model hubs read; only facts that are known."""
    lines = ["---", "library_name: transformers", "pipeline_tag: text-generation", f"language: {recipe.tasks.language}"]
    base = recipe.student.model
    if base.count("/") == 1 and not base.startswith((".", "/", "~")) and not _is_folder(recipe):
        lines.append(f"base_model: {base}")
    return "\n".join([*lines, "tags: [distillation, imbik]", "---"])


def _origin(recipe: Recipe, parameters: int) -> str:
    student = recipe.student
    start = f"started from `{student.model}`" if student.model else f"a {student.architecture} made from random weights"
    teachers = ", ".join(_teacher(recipe, name) for name in recipe.answering_teachers())
    taught = f"taught by {teachers}" if teachers else "fine-tuned on the rows' own answers, without a teacher"
    return f"A language model of {parameters:,} parameters, {start}, {taught}."


def _use(recipe: Recipe) -> str:
    return (
        f"It answers tasks of the kind `{recipe.tasks.kind.use}` that look like those it was trained on, in the "
        f"language `{recipe.tasks.language}`, written as in training (its chat template). Outside of that nothing "
        "was measured: expect wrong answers in a confident tone. What was measured, with intervals, stands in the "
        "run's report.html."
    )


def _data(manifests: Mapping[str, Manifest]) -> str:
    rows = [f"| {what} | {manifests[folder].books.rows_out:,} |" for folder, what in _COUNTS if folder in manifests]
    table = "\n".join(["| what | rows |", "|---|---:|", *rows])
    return f"{table}\n\nValidation and test rows were not trained on; their counts are in the run's report."


def _proof(parity: Parity) -> str:
    return (
        f"Loaded from this folder alone, the model gave the trained student's logits at {parity.positions:,} positions "
        f"of held-out rows: largest deviation {parity.deviation:.2e} of the largest logit (allowed "
        f"{parity.tolerance:.2e}), the same token first at {parity.same_first:.2%} of positions."
    )


def _licence(recipe: Recipe) -> str:
    told = (
        f"{_descent(recipe)} The training rows keep their own licence, and a teacher behind an API may forbid training "
        "other models on its answers or ask that its name be given: whoever hands this model on checks both. imbik "
        "claims nothing."
    )
    return "\n".join([told, *_terms(recipe)])


def _terms(recipe: Recipe) -> Iterator[str]:
    """What is known of the terms under which its teachers answered; some bind whoever hands the student on."""
    found = {terms.name: terms for _, one in terms_of_recipe(recipe) for terms in one.terms if terms.use != "allowed"}
    if found:
        yield "\nIts teachers answered under terms that may bind whoever hands it on (a summary, no legal advice):\n"
    for name, terms in found.items():
        accepted = ", accepted in the recipe" if name in recipe.accept_terms else ""
        yield f"- {terms}{accepted}"


def _descent(recipe: Recipe) -> str:
    """Whose weights and whose tokenizer these were, for each way in which a student begins."""
    base = recipe.student.model
    if not base:
        origin = "The weights began as random numbers and derive from no other model's weights."
    elif base.startswith(EMBEDDED):
        origin = (
            f"The weights derive from `{base}`, which imbik carries and hands on under its own licence, Apache-2.0."
        )
    elif _is_folder(recipe):
        origin = f"The weights derive from the model in the folder `{base}`: whatever licence that has goes on to them."
    else:
        origin = f"The weights derive from `{base}`: its licence goes on to them."
    taken = recipe.student.tokenizer == "teacher"
    return f"{origin} The tokenizer is the teacher's, and so is its licence." if taken else origin


def _is_folder(recipe: Recipe) -> bool:
    """Whether the student began as a model of this machine, and not of a hub."""
    return recipe.path(recipe.student.model).is_dir()


def _teacher(recipe: Recipe, name: str) -> str:
    """A teacher as the card names it."""
    raw = recipe.teachers[name].raw
    return f"`{raw.get('model') or raw.get('recipe') or raw.get('run') or name}`"


def _lineage(manifests: Mapping[str, Manifest]) -> str:
    rows = [f"| {manifest.stage} | `{manifest.hash}` |" for manifest in manifests.values()]
    return "\n".join(["| stage | made of |", "|---|---|", *rows])
