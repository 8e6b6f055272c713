"""What a student learns from has to be there: refused before anything is paid, made or trained.

Enters: a recipe. Leaves: nothing, or an error that names the key. Losses that look at the teacher's distributions get
them from captured logits (`capture:`) or from a teacher that reads beside the student (`train.teacher`).
"""

from __future__ import annotations

from imbik.core.errors import RecipeError
from imbik.core.plugins import load_plugin, make, typed_settings
from imbik.models.crossing import crosses
from imbik.models.folder import read_base
from imbik.models.gguf import is_gguf
from imbik.models.quantised import need_bitsandbytes
from imbik.pipeline.beside import refuse_beside
from imbik.pipeline.needs import hungry, wanting
from imbik.pipeline.sizes import folder_here, tokenizer_teacher
from imbik.recipe import Recipe
from imbik.recipe.training import PAIRS_OF_TASKS, Vocabulary
from imbik.teachers import ScoringTeacher, TeacherContext, make_teacher
from imbik.train.accelerators import Accelerator
from imbik.train.loss_schedule import Courses
from imbik.train.losses import BESIDE, PAIRS, LearnsAlong
from imbik.train.tutor import MODELS_HERE

_UNMERGED = {"adapter": "bottleneck adapters", "prefix": "a learned prefix"}


def refuse_learning(recipe: Recipe) -> None:
    """Everything below, in order.

    Raises: RecipeError, MissingExtraError.
    """
    checks = (_samples, _schedules, _logits, _layers, _pairs, refuse_beside, _tokenizer, _optimizer, _method, _kernels)
    for check in checks:
        check(recipe)


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
    for block in hungry(recipe):
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
    blocks = wanting(recipe, BESIDE)
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
    blocks, path = wanting(recipe, {PAIRS}), recipe.pair_file()
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
    looking = hungry(recipe)
    if looking and recipe.capture is None and not recipe.train.beside:
        raise RecipeError(
            f"loss '{looking[0].use}' compares with the teacher's logits, and the recipe captures none",
            where=looking[0].where,
            next="add `capture: {top_k: 20}`, name a model in this process as train.teacher, or learn from text alone: "
            "train.losses: [cross_entropy]",
        )
    if recipe.capture is None:
        return
    if not recipe.teachers:
        raise RecipeError("capture needs a teacher, and the recipe has none", next="take `capture:` out")
    name = tokenizer_teacher(recipe)
    if recipe.capture.source == "answers":
        _told(recipe, name)
        return
    if recipe.teachers[name].use not in MODELS_HERE and _may_score(recipe, name):
        if recipe.capture.form == "sampled":
            raise RecipeError(
                "a server tells the likeliest tokens, from which none can be drawn without bias",
                where="capture.form",
                next="--set capture.form=exact",
            )
        return
    _weights_here(recipe, name, "capture.teacher")


def _told(recipe: Recipe, name: str) -> None:
    """Answers hold log-probabilities where the teacher was asked for enough of them."""
    assert recipe.capture is not None
    own, block = recipe.capture, recipe.teachers[name]
    most = int(getattr(typed_settings("teachers", block), "top_logprobs", 0))
    if own.form != "exact":
        raise RecipeError(
            "answers tell a few likely tokens, which are kept as they are",
            where="capture.form",
            next="--set capture.form=exact",
        )
    if most < own.top_k:
        raise RecipeError(
            f"teacher '{name}' is asked for {most} alternatives at each token of its answers, and {own.top_k} are to "
            "be captured",
            where="capture.top_k",
            next=f"--set teachers.{name}.top_logprobs={own.top_k}, or capture no more than are asked for",
        )


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


def _tokenizer(recipe: Recipe) -> None:
    """`teacher` needs a teacher with a tokenizer; `own` needs a model that has one; a trimmed one is nobody else's."""
    student = recipe.student
    if student.keep is not None and student.keep.vocabulary is not None:
        _trimmed(recipe, student.keep.vocabulary)
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


def _trimmed(recipe: Recipe, vocabulary: Vocabulary) -> None:
    """Texts that it is for are there, and losses of distributions cross from the teacher's vocabulary to it."""
    for name in vocabulary.texts:
        if not recipe.path(name).is_file():
            raise RecipeError(
                f"there is no file {recipe.path(name)}",
                where="student.keep.vocabulary.texts",
                next="name UTF-8 text files, or leave `texts` out: the run's own rows are counted in any case",
            )
    if hungry(recipe) and not crosses(recipe):
        raise RecipeError(
            "a trimmed vocabulary is the student's own, so the teacher's logits are not of its tokens",
            where="student.keep.vocabulary",
            next="use hybrid (or uld) as the loss that looks at the teacher, or keep the whole vocabulary",
        )


def _optimizer(recipe: Recipe) -> None:
    """What the optimiser needs must be installed before anything is paid for."""
    if recipe.train.optimizer == "adamw_8bit":
        need_bitsandbytes("optimizer adamw_8bit", "train.optimizer")


def _kernels(recipe: Recipe) -> None:
    """Accelerators are installed, and have a card."""
    for block in recipe.train.accelerators:
        accelerator: Accelerator = make("train/accelerators", block)
        accelerator.check()


def _exported(recipe: Recipe, use: str) -> None:
    """An adapter that is exported apart has to be PEFT's, and one that nothing merges is exported apart or not."""
    apart = next((block for block in recipe.export if block.use == "peft"), None)
    merged = next((block for block in recipe.export if block.use != "peft"), None)
    if apart is not None and (use == "adapter" or not load_plugin("train/methods", use).needs_base):
        raise RecipeError(
            f"the method {use} leaves no adapter that PEFT could load",
            where=apart.where or "export",
            next="train with lora, qlora, ia3 or prefix, or take peft out of `export:`",
        )
    if use in _UNMERGED and merged is not None:
        raise RecipeError(
            f"{_UNMERGED[use]} cannot be merged into the model, so this student has no export of that form",
            where=merged.where or "export",
            next=("write export: [peft]" if use == "prefix" else "write export: [], and use the run's own student")
            + "; or train with lora",
        )


def _method(recipe: Recipe) -> None:
    """What the method needs, and what becomes of its student."""
    use = recipe.train.method.use
    if use == "qlora":
        need_bitsandbytes("method qlora", "train.method")
    _exported(recipe, use)
    if recipe.train.adapters and not load_plugin("train/methods", use).needs_base:
        raise RecipeError(
            f"the method {use} trains the model itself, so there are no adapters beside it",
            where="train.adapters",
            next="--set train.method=lora (or qlora, ia3, adapter, prefix)",
        )
    looking = next((block for block in recipe.train.losses if block.use == "attention"), None)
    if use == "prefix" and looking is not None:
        raise RecipeError(
            "attention over a learned prefix has columns that the teacher's maps do not have",
            where=looking.where or "train.losses",
            next="train with lora, or leave the loss `attention` out",
        )
