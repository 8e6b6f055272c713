"""What a student learns from has to be there: refused before anything is paid, made or trained.

Enters: a recipe. Leaves: nothing, or an error that names the key. Losses that look at the teacher's distributions get
them from captured logits (`capture:`) or from a teacher that reads beside the student (`train.teacher`).
"""

from __future__ import annotations

from collections.abc import Set

from imbik.ask.scoring import scoring_side
from imbik.core.errors import RecipeError
from imbik.core.misspelt import closest
from imbik.core.plugins import PluginBlock, make
from imbik.models.crossing import crosses
from imbik.models.folder import read_base, tokenizer_hash
from imbik.models.gguf import is_gguf, tokenizer_home
from imbik.models.quantised import need_bitsandbytes
from imbik.pipeline.sizes import folder_here, tokenizer_teacher
from imbik.recipe import Recipe
from imbik.recipe.training import PAIRS_OF_TASKS
from imbik.teachers import ScoringTeacher, TeacherContext, make_teacher
from imbik.train.loss_schedule import Courses
from imbik.train.losses import BESIDE, DISTRIBUTIONS, PAIRS, LearnsAlong
from imbik.train.tutor import MODELS_HERE, refuse_weights


def refuse_learning(recipe: Recipe) -> None:
    """Everything below, in order.

    Raises: RecipeError, MissingExtraError.
    """
    checks = (_samples, _schedules, _logits, _layers, _pairs, _beside, _on_policy, _tokenizer, _optimizer, _method)
    for check in checks:
        check(recipe)


def _wanting(recipe: Recipe, needs: Set[str]) -> list[PluginBlock]:
    """The losses that must be given any of these."""
    return [block for block in recipe.train.losses if needs & make("train/losses", block).needs]


def _hungry(recipe: Recipe) -> list[PluginBlock]:
    """The losses that look at the teacher's distributions."""
    return _wanting(recipe, {DISTRIBUTIONS})


def _samples(recipe: Recipe) -> None:
    """Samples of the teacher are an unbiased estimate of losses linear in its probabilities: forward KL alone."""
    if recipe.capture is None or recipe.capture.form != "sampled":
        return
    if recipe.train.on_policy is not None:
        raise RecipeError(
            "what a teacher says of the student's attempts are its likeliest tokens, and samples are captured for the "
            "other rows: one step cannot learn from both",
            where="capture.form",
            next="--set capture.form=exact",
        )
    for block in _hungry(recipe):
        loss = make("train/losses", block)
        temperature = getattr(getattr(loss, "settings", None), "temperature", 1.0)
        if block.use != "forward_kl" or temperature != 1.0:
            raise RecipeError(
                f"loss '{block.use}' has no unbiased estimate from samples of the teacher; forward_kl without a "
                "temperature has one",
                where=block.where or "train.losses",
                next="--set capture.form=exact, or use forward_kl without a temperature",
            )


def _schedules(recipe: Recipe) -> None:
    Courses.of(recipe).check()


def _layers(recipe: Recipe) -> None:
    """A loss of the layers needs a teacher beside the student, and shapes that fit."""
    blocks = _wanting(recipe, BESIDE)
    if not blocks:
        return
    teacher = recipe.teachers.get(recipe.train.teacher)
    if teacher is None or teacher.use not in MODELS_HERE:
        raise RecipeError(
            f"loss '{blocks[0].use}' looks into the teacher's layers, and no model here reads beside the student",
            where=blocks[0].where or "train.losses",
            next="name an in_process or run teacher as train.teacher",
        )
    theirs = folder_here(str(teacher.raw.get("model", "")), recipe.base) if teacher.use == "in_process" else None
    own = folder_here(recipe.student.model, recipe.base) if recipe.student.model else None
    if theirs is None or own is None or is_gguf(theirs) or read_base(theirs):
        return
    from transformers import AutoConfig

    student, other = (AutoConfig.from_pretrained(path, local_files_only=True) for path in (own, theirs))
    for block in blocks:
        loss = make("train/losses", block)
        if isinstance(loss, LearnsAlong):
            loss.learned(student.get_text_config(), other.get_text_config())


def _pairs(recipe: Recipe) -> None:
    """A loss of pairs needs pairs, and a file of them has to be there."""
    blocks, path = _wanting(recipe, {PAIRS}), recipe.pair_file()
    if blocks and recipe.train.pairs is None:
        raise RecipeError(
            f"loss '{blocks[0].use}' compares two texts, and the recipe has no pairs",
            where=blocks[0].where or "train.losses",
            next="add train.pairs: {from: rewordings} (with tasks.augment), {from: categories}, or {from: FILE}",
        )
    if recipe.train.pairs is not None and not blocks:
        raise RecipeError(
            "no loss of this recipe compares two texts",
            where="train.pairs",
            next="add margin (or a loss of your own) to train.losses, or take train.pairs out",
        )
    if path is not None and not path.is_file():
        raise RecipeError(
            f"there is no file {path}",
            where="train.pairs.from",
            next=f"correct it, or write one of {', '.join(PAIRS_OF_TASKS)}",
        )


def _logits(recipe: Recipe) -> None:
    """A loss on logits needs captured logits, and logits need a teacher whose weights are here."""
    hungry = _hungry(recipe)
    if hungry and recipe.capture is None and not recipe.train.beside:
        raise RecipeError(
            f"loss '{hungry[0].use}' compares with the teacher's logits, and the recipe captures none",
            where=hungry[0].where,
            next="add `capture: {top_k: 20}`, name a model in this process as train.teacher, or learn from text alone: "
            "train.losses: [cross_entropy]",
        )
    if recipe.capture is None:
        return
    if not recipe.teachers:
        raise RecipeError("capture needs a teacher, and the recipe has none", next="take `capture:` out")
    name = tokenizer_teacher(recipe)
    if recipe.teachers[name].use not in MODELS_HERE and _may_score(recipe, name):
        if recipe.capture.form == "sampled":
            raise RecipeError(
                "a server tells the likeliest tokens, from which none can be drawn without bias",
                where="capture.form",
                next="--set capture.form=exact",
            )
        return
    _weights_here(recipe, name, "capture.teacher")


def _may_score(recipe: Recipe, name: str) -> bool:
    """Whether a served teacher says how likely given tokens are.

    Raises: RecipeError where it gives fewer alternatives than are captured.
    """
    teacher = make_teacher(recipe.teachers[name], TeacherContext(name=name, base=recipe.base, runs=recipe.base))
    if not isinstance(teacher, ScoringTeacher) or teacher.scores() is None or recipe.capture is None:
        return False
    most = int(getattr(getattr(teacher, "settings", None), "prompt_logprobs", recipe.capture.top_k))
    if recipe.capture.top_k > most:
        raise RecipeError(
            f"teacher '{name}' gives {most} alternatives for a token, and {recipe.capture.top_k} are to be captured",
            where="capture.top_k",
            next=f"--set capture.top_k={most}, or start the server with --max-logprobs {recipe.capture.top_k} and say "
            f"so: --set teachers.{name}.prompt_logprobs={recipe.capture.top_k}",
        )
    return True


def _weights_here(recipe: Recipe, name: str, key: str) -> None:
    block = recipe.teachers[name]
    if block.use not in MODELS_HERE:
        article = "an" if block.use[0] in "aeiou" else "a"
        raise RecipeError(
            f"{key}: '{name}' is {article} {block.use} teacher, whose weights are not here",
            where=block.where,
            next="name an in_process or run teacher, or leave the key out: others teach by text",
        )


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
    if not _wanting(recipe, BESIDE | {DISTRIBUTIONS}):
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
    if not _hungry(recipe) or _wanting(recipe, BESIDE):
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
    if how.share < 1 and recipe.capture is None and len(_hungry(recipe)) == len(recipe.train.losses):
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


def _tokenizer(recipe: Recipe) -> None:
    """`teacher` needs a teacher with a tokenizer; `own` needs a model that has one."""
    student = recipe.student
    if student.tokenizer == "teacher":
        if not recipe.teachers:
            raise RecipeError(
                "student.tokenizer is teacher, and the recipe has none", next="--set student.tokenizer=train"
            )
        _weights_here(recipe, tokenizer_teacher(recipe), "student.tokenizer")
    if student.tokenizer == "own" and student.architecture:
        raise RecipeError(
            "student.tokenizer is own, but a model made from a config has none",
            next="--set student.tokenizer=train",
        )


def _optimizer(recipe: Recipe) -> None:
    """What the optimiser needs must be installed before anything is paid for."""
    if recipe.train.optimizer == "adamw_8bit":
        need_bitsandbytes("optimizer adamw_8bit", "train.optimizer")


def _method(recipe: Recipe) -> None:
    """What the method needs, and what becomes of its student."""
    use = recipe.train.method.use
    if use == "qlora":
        need_bitsandbytes("method qlora", "train.method")
    if use == "adapter" and recipe.export:
        raise RecipeError(
            "bottleneck adapters cannot be merged into the model, so a student trained with them has no export",
            where=recipe.export[0].where or "export",
            next="write export: [], and use the run's own student; or train with lora",
        )
