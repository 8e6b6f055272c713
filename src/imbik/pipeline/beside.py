"""Teachers beside the student, and the student's own attempts: refused before anything is paid, where they cannot be.

Enters: a recipe with `train.teacher`, `train.teachers` or `train.on_policy`. Leaves: nothing, or an error that names
the key.
"""

from __future__ import annotations

from imbik.ask.scoring import scoring_side
from imbik.core.errors import RecipeError
from imbik.core.misspelt import closest
from imbik.models.crossing import crosses
from imbik.models.folder import tokenizer_hash
from imbik.models.gguf import is_gguf, tokenizer_home
from imbik.pipeline.needs import hungry, wanting
from imbik.pipeline.sizes import folder_here
from imbik.recipe import Recipe
from imbik.teachers import TeacherContext, make_teacher
from imbik.train.losses import BESIDE, DISTRIBUTIONS
from imbik.train.tutor import MODELS_HERE, refuse_weights


def refuse_beside(recipe: Recipe) -> None:
    """Who reads beside the student, and who reads its attempts.

    Raises: RecipeError.
    """
    _beside(recipe)
    _on_policy(recipe)


def _beside(recipe: Recipe) -> None:
    """`train.teacher` is a model here that reads every row; or, with `on_policy`, a server that scores token ids."""
    name = recipe.train.teacher
    for one in recipe.train.teachers:
        _one_of_several(recipe, one)
    if not name:
        return
    if name not in recipe.teachers:
        raise RecipeError(
            f"there is no teacher '{name}'; {closest(name, list(recipe.teachers))}", where="train.teacher"
        )
    if not wanting(recipe, BESIDE | {DISTRIBUTIONS}):
        raise RecipeError(
            "no loss of this recipe looks at what train.teacher says",
            where="train.losses",
            next="add a loss of its distributions such as forward_kl, or take train.teacher out",
        )
    block = recipe.teachers[name]
    if block.use in MODELS_HERE:
        if recipe.capture is not None:
            raise RecipeError(
                f"the losses get teacher '{name}' beside the student, so nothing reads what `capture:` writes down",
                where="capture",
                next="take `capture:` out, or train.teacher",
            )
        _readable(recipe, name)
    elif recipe.train.on_policy is None:
        raise RecipeError(
            f"teacher '{name}' is served, and reads the student's own attempts alone",
            where="train.teacher",
            next="add train.on_policy: {share: 0.5}, or take train.teacher out and use `capture:`",
        )
    else:
        _scores(recipe, name)


def _one_of_several(recipe: Recipe, name: str) -> None:
    """Several teachers are models here that read the student's tokens; nothing is captured, no layers are compared."""
    if name not in recipe.teachers:
        raise RecipeError(
            f"there is no teacher '{name}'; {closest(name, list(recipe.teachers))}", where="train.teachers"
        )
    if not hungry(recipe) or wanting(recipe, BESIDE):
        raise RecipeError(
            "several teachers teach by their distributions, and by those alone",
            where="train.losses",
            next="add a loss of distributions such as forward_kl and leave losses of layers out, or name one as "
            "train.teacher",
        )
    if recipe.teachers[name].use not in MODELS_HERE:
        raise RecipeError(
            f"teacher '{name}' is no model in this process, so it cannot be one of several beside the student",
            where="train.teachers",
            next="name in_process or run teachers",
        )
    if recipe.capture is not None:
        raise RecipeError(
            "the losses get teachers beside the student, so nothing reads what `capture:` writes down",
            where="capture",
            next="take `capture:` out, or train.teachers",
        )
    _readable(recipe, name, several=True)


def _readable(recipe: Recipe, name: str, *, several: bool = False) -> None:
    """A teacher in this process has weights that give hidden states, and the student's tokenizer, where it is known."""
    block, student = recipe.teachers[name], recipe.student
    folder = folder_here(str(block.raw.get("model", "")), recipe.base) if block.use == "in_process" else None
    crossing = not several and crosses(recipe)
    if student.tokenizer == "train" and not crossing:
        raise RecipeError(
            f"a tokenizer trained here is not teacher '{name}'s, so what it says is not of the student's tokens",
            where="student.tokenizer",
            next="--set student.tokenizer=teacher, compare with losses that cross tokenizers alone (uld, hybrid), or "
            "take train.teacher out and learn from text alone",
        )
    if folder is None:
        return
    own = folder_here(student.model, recipe.base) if student.model else None
    if own is not None and not is_gguf(own):
        refuse_weights(name, folder, tokenizer_hash(own), crossing=crossing)
    else:
        refuse_weights(name, folder, tokenizer_hash(tokenizer_home(folder)))


def _scores(recipe: Recipe, name: str) -> None:
    """A served teacher has to score token ids; the rows that are no attempts need captured logits, or a text."""
    block, how = recipe.teachers[name], recipe.train.on_policy
    context = TeacherContext(name=name, base=recipe.base, runs=recipe.base)
    teacher = make_teacher(block, context)
    scoring_side(name, teacher, where="train.teacher")
    wanted = recipe.capture.top_k if recipe.capture else recipe.train.top_k
    most = int(getattr(getattr(teacher, "settings", None), "prompt_logprobs", wanted))
    if wanted > most:
        raise RecipeError(
            f"teacher '{name}' gives {most} alternatives for a token, and {wanted} are wanted",
            where="capture.top_k" if recipe.capture else "train.top_k",
            next=f"--set {'capture' if recipe.capture else 'train'}.top_k={most}, or start the server with "
            f"--max-logprobs {wanted} and say so: --set teachers.{name}.prompt_logprobs={wanted}",
        )
    assert how is not None
    if how.share < 1 and recipe.capture is None and len(hungry(recipe)) == len(recipe.train.losses):
        raise RecipeError(
            f"{1 - how.share:.0%} of the rows are no attempts, and no loss of this recipe learns their text",
            where="train.on_policy.share",
            next="--set train.on_policy.share=1, add `capture:` for them, or cross_entropy to train.losses",
        )


def _on_policy(recipe: Recipe) -> None:
    """The student's own attempts need somebody who reads them."""
    if recipe.train.on_policy is not None and not recipe.train.beside:
        raise RecipeError(
            "train.on_policy needs a teacher that reads what the student writes",
            where="train.teacher",
            next="name one: a model in this process (in_process, run) or a vLLM server",
        )
