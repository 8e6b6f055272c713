"""Whether rows may reach a teacher at all: asked of the operator's file before the first token is bought.

Enters: a recipe. Leaves: nothing, or a BlockedError that names the key to set and says what that means. The gate still
decides for every question, with the address it really connects to; this only refuses early what it is bound to refuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from imbik.core.errors import BlockedError, RecipeError
from imbik.core.plugins import PluginBlock
from imbik.core.questions import Question
from imbik.core.types import Sensitivity
from imbik.privacy.addresses import Endpoint, endpoint, may_be_behind
from imbik.privacy.keys import is_set
from imbik.privacy.operator import Operator, load_operator
from imbik.recipe import Recipe
from imbik.tasks.sources.taxonomy import TaxonomyTasks
from imbik.teachers import ServedTeacher, TeacherContext, make_teacher

_NOTHING = Question(messages=(), row="", sensitivity=Sensitivity.PUBLIC)  # a request is made, and never sent
HERE = ("in_process", "run", "recorded")


def refuse_unreachable(recipe: Recipe) -> None:
    """Refuse when every row would be held back.

    Raises: BlockedError when rows of the recipe's one sensitivity may never go to their teacher; RecipeError when no
    teacher is named for them.
    """
    level = recipe.tasks.level
    if recipe.generate.source == "reference" or level is None or knows_its_own(recipe):
        return
    operator = load_operator(recipe.base)
    for name in recipe.teachers_for(level):
        if not name:
            raise RecipeError(
                f"generate.teacher names none for {level.value} rows, and tasks.sensitivity makes every row "
                f"{level.value}",
                next="add `otherwise: NAME` to generate.teacher",
            )
        if far := out_of_reach(recipe, operator, level, name):
            raise blocked(recipe, operator, level, *far)


def growth_kept_from(recipe: Recipe, strategy: str, name: str) -> None:
    """Refuse a strategy whose questions, which show rows, can never leave for its teacher.

    Raises: BlockedError.
    """
    level = recipe.tasks.level
    if level is None or knows_its_own(recipe):
        return
    operator = load_operator(recipe.base)
    if far := out_of_reach(recipe, operator, level, name):
        error = blocked(recipe, operator, level, *far)
        raise BlockedError(f"'{strategy}' cannot grow tasks: {error.what}", where=error.where, next=error.next)


def refuse_candidates(recipe: Recipe, names: Sequence[str]) -> None:
    """Refuse when no row could reach any of these teachers, before anybody looks up their addresses.

    Raises: BlockedError.
    """
    level = recipe.tasks.level
    if level is None or knows_its_own(recipe):
        return
    operator = load_operator(recipe.base)
    far = [found for name in names if (found := out_of_reach(recipe, operator, level, name))]
    if far and len(far) == len(names):
        raise blocked(recipe, operator, level, *far[0])


def kept_from_candidates(recipe: Recipe, names: Sequence[str]) -> Iterator[str]:
    """Which of these teachers rows of the recipe's one level can never reach, in words."""
    level = recipe.tasks.level
    if level is None or knows_its_own(recipe):
        return
    operator = load_operator(recipe.base)
    for name in names:
        if far := out_of_reach(recipe, operator, level, name):
            yield f"teachers.{name}: nothing will be asked of it: {level.value} rows may not go to {far[1]}"


def kept_from(recipe: Recipe, level: Sensitivity) -> str:
    """Why rows of this level can never reach their teacher; '' where they may, or nobody is asked."""
    if recipe.generate.source == "reference":
        return ""
    names = recipe.teachers_for(level)
    if not names[0]:
        return f"generate.teacher names none for {level.value} rows"
    operator = load_operator(recipe.base)
    far = [out_of_reach(recipe, operator, level, name) for name in names]
    first = far[0]
    return f"{level.value} rows may not go to teacher '{first[0]}' at {first[1]}" if first and all(far) else ""


def out_of_reach(recipe: Recipe, operator: Operator, level: Sensitivity, name: str) -> tuple[str, Endpoint] | None:
    """The first of a teacher's members and its endpoint, where none of them may ever see rows of this level."""
    far = []
    for member in recipe.members(name):
        block = recipe.teachers[member]
        served = None if block.use in HERE else served_endpoint(member, block, recipe)
        if served is None or may_ever(operator, level, served, cleans=_cleans(recipe)):
            return None
        far.append((member, served))
    return far[0]


def served_endpoint(name: str, block: PluginBlock, recipe: Recipe) -> Endpoint | None:
    """Where a served teacher's questions go, or None for one that is no ServedTeacher."""
    teacher = served_teacher(name, block, recipe)
    return endpoint(teacher.url) if teacher else None


def keys_missing(recipe: Recipe, judges: Sequence[str] = (), names: Sequence[str] | None = None) -> Iterator[str]:
    """Teachers that will be asked (or `names`) and judges with a key which is not set, in words that say how to set
    it."""
    for name in dict.fromkeys([*(recipe.asked_teachers() if names is None else names), *judges]):
        block = recipe.teachers[name]
        teacher = None if block.use in HERE else served_teacher(name, block, recipe)
        key = teacher.request(_NOTHING).key_name if teacher else ""
        if key and not is_set(key):
            yield (
                f"teachers.{name}: the key {key} is not set, and without it only stored answers can be used: "
                f"export {key}=…   or keep it with: keyring set imbik {key}"
            )


def served_teacher(name: str, block: PluginBlock, recipe: Recipe) -> ServedTeacher | None:
    """A teacher of the recipe that is asked over HTTP, else None."""
    context = TeacherContext(name=name, base=recipe.base, runs=Path("runs"))
    teacher = make_teacher(block, context)
    return teacher if isinstance(teacher, ServedTeacher) else None


def cleans_in_vain(recipe: Recipe) -> Iterator[str]:
    """A recipe that cleans rows for teachers of which none may have cleaned rows is told so."""
    external = load_operator(recipe.base).external
    opened = any(line.accepts_cleaned.rank > line.accepts.rank for line in external)
    if _cleans(recipe) and not opened:
        yield (
            f"privacy.clean: {recipe.privacy.clean} opens no way yet: no line under `external:` of the operator's file "
            "says accepts_cleaned, so rows that may not leave as they are stay here"
        )


def _cleans(recipe: Recipe) -> bool:
    return recipe.privacy.clean != "none"


def may_ever(operator: Operator, level: Sensitivity, served: Endpoint, *, cleans: bool = False) -> bool:
    """Whether some address behind the endpoint could be allowed rows of this level, as they are or cleaned."""
    if any(may_be_behind(line.host, line.ports, served) for line in operator.local):
        return True
    listed = operator.external_for(served)
    if listed is None and operator.unlisted == "nothing":
        return False
    if level is not Sensitivity.PUBLIC and served.scheme != "https":
        return False
    accepts = {listed.accepts, *([listed.accepts_cleaned] if cleans else [])} if listed else {Sensitivity.PUBLIC}
    return any(level.rank <= item.rank for item in accepts)


def knows_its_own(recipe: Recipe) -> bool:
    """The embedded problems, and the tasks of a shipped taxonomy, are public whatever the recipe says."""
    source = recipe.tasks.source
    if source.use == "taxonomy":
        return TaxonomyTasks(TaxonomyTasks.Settings.model_validate(source.raw)).sensitivity is Sensitivity.PUBLIC
    return source.use == "embedded" or source.raw.get("path") == "embedded"


def blocked(recipe: Recipe, operator: Operator, level: Sensitivity, name: str, served: Endpoint) -> BlockedError:
    if level is Sensitivity.PUBLIC and operator.unlisted == "nothing":
        return BlockedError(
            f"no row may reach teacher '{name}' at {served}: the operator's file does not list it, and lets nothing go "
            "elsewhere, public rows neither",
            where=f"teachers.{name}",
            next=f"whoever answers for the data may list it in {_file(operator)}; a teacher that is here (in_process, "
            "run) needs nobody's word",
        )
    listed = operator.external_for(served)
    if served.scheme != "https" and listed and level.rank <= max(listed.accepts.rank, listed.accepts_cleaned.rank):
        return BlockedError(
            f"no row may reach teacher '{name}' at {served}: the operator's file lets {level.value} rows go there, but "
            "such rows leave over https only",
            where=f"teachers.{name}",
            next="write its https address as `base_url`; if the endpoint is your own, list it under `local:` in "
            f"{_file(operator)}",
        )
    says = "as the recipe says" if _is_set(recipe) else "the default, since the recipe does not say"
    untrusted = f"; {operator.ignored} is not trusted and was ignored" if operator.ignored else ""
    trust = f"if {operator.ignored} is yours, read it and run: imbik privacy trust {operator.ignored}; "
    return BlockedError(
        f"no row may reach teacher '{name}' at {served}: tasks.sensitivity is {level.value} ({says}), and only public "
        f"rows may leave this machine without an operator's word{untrusted}",
        where="tasks.sensitivity",
        next=(
            f"{trust if operator.ignored else ''}"
            "if the rows are public, set tasks.sensitivity: public, which lets them leave; if the endpoint is your "
            f"own, list it under `local:` in {_file(operator)}; or use a teacher that is here (in_process, run), "
            "which needs neither"
        ),
    )


def _is_set(recipe: Recipe) -> bool:
    """Whether the recipe itself says how sensitive its rows are."""
    return "sensitivity" in recipe.tasks.model_fields_set


def _file(operator: Operator) -> str:
    """The operator's file to write in: the one that holds, else the one that waits to be trusted, else the user's."""
    return str(operator.path or operator.ignored or "~/.config/imbik/operator.yaml")
