"""Loading a recipe: YAML with line numbers, `--set`, `${NAME}` in paths, refusal of secrets, errors that name the line.

Enters: a path (or plain data) and `a.b=c` overrides. Leaves: a Recipe, or a RecipeError with file, line, key and what
to type.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from imbik.core.errors import RecipeError, UsageError
from imbik.core.plugins import explain_validation
from imbik.core.secrets import TEXT, is_key_name, is_secret_name
from imbik.core.strict_yaml import YamlError, read_yaml
from imbik.recipe.blocks import WHERE, MisplacedError
from imbik.recipe.meaning import default_at, explain
from imbik.recipe.secrets import refuse_secrets
from imbik.recipe.sections import Recipe

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
Lines = dict[tuple[str, ...], int]
Places = dict[tuple[str, ...], str]
_SET = "--set "
# Where a plug-in may be written as its bare name; "*" stands for any item or name.
_BLOCKS = (
    ("tasks", "kind"),
    ("tasks", "grow", "strategies", "*"),
    ("tasks", "augment", "*"),
    ("teachers", "*"),
    ("refine", "*"),
    ("train", "method"),
    ("train", "losses", "*"),
    ("export", "*"),
    ("evaluate", "metrics", "*"),
)


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read, override, check.

    Raises: RecipeError with `file:line` and the key that was meant.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "recipe.yaml"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RecipeError("there is no such recipe", where=str(path), next="imbik init NAME --from FILE") from None
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"a recipe is UTF-8 text ({error})", where=str(path), next="save it as UTF-8; editors ask for the encoding"
        ) from None
    except OSError as error:
        raise RecipeError(
            f"cannot be read: {error.strerror}", where=str(path), next="check its permissions (ls -l)"
        ) from None
    except ValueError:
        raise RecipeError(
            "no path can hold a NUL character", where=repr(str(path)), next="type the path again"
        ) from None
    data, lines = parse(text, str(path))
    return build(data, base=path.parent, file=str(path), lines=lines, overrides=overrides)


def parse(text: str, file: str = "recipe") -> tuple[dict[str, Any], Lines]:
    """YAML text as plain data and the line of every key."""
    try:
        data, node = read_yaml(text)
    except YamlError as error:
        where = f"{file}:{error.line}" if error.line else file
        raise RecipeError(error.what, where=where, next=error.advice) from None
    if node is None or not isinstance(data, dict):
        raise RecipeError(
            "a recipe is a mapping of sections (name, tasks, student, …)",
            where=file,
            next="imbik init NAME --from FILE writes one that works",
        )
    lines: Lines = {}
    _note_lines(node, (), lines)
    return data, lines


def build(
    data: dict[str, Any],
    *,
    base: Path = Path(),
    file: str = "recipe",
    lines: Lines | None = None,
    overrides: Sequence[str] = (),
) -> Recipe:
    """A Recipe from plain data; `lines` lets errors name the line, and what `--set` gave is named as such."""
    places, data = {path: f"{file}:{line}" for path, line in (lines or {}).items()}, copy.deepcopy(data)
    for text in overrides:
        _replace(places, _override(data, text))
    refuse_secrets(data, lambda path: _where(path, file, places))
    data = _expand(data, (), lambda path: _where(path, file, places))
    refuse_secrets(data, lambda path: _where(path, file, places))
    _refuse_base(data, lambda path: _where(path, file, places))
    marked = _mark_blocks(data, (), file, places)
    try:
        made = Recipe.model_validate({**marked, "base": base})
    except ValidationError as error:
        found = [_location(item) for item in error.errors()]
        location = next((path for path in found if path in places), found[0])
        raise RecipeError(
            explain_validation(error, Recipe),
            where=_where(location, file, places),
            next=_explained(location),
        ) from None
    made.note_places(places)
    return made


def _refuse_base(data: Mapping[str, Any], where: Callable[[tuple[str, ...]], str]) -> None:
    """`base:` is what many call the model that a student begins from; here it has another name.

    Raises: RecipeError naming it. At the top level the key would else be taken for the recipe's own folder.
    """
    for path in (("base",), ("student", "base")):
        holder = data if len(path) == 1 else data.get(path[0])
        if isinstance(holder, dict) and path[-1] in holder:
            raise RecipeError(
                f"unknown key '{'.'.join(path)}'; the model that the student begins from is student.model",
                where=where(path),
                next=f"write student: {{model: {holder['base']}}}; imbik explain student says what it can be told",
            )


def _explained(path: tuple[str, ...]) -> str:
    """The line to type for the deepest part of a path that is explained; a section for a key that is not there."""
    for length in range(len(path), 0, -1):
        key = ".".join(path[:length])
        try:
            explain(key)
        except UsageError:
            continue
        return f"imbik explain {key}"
    return "imbik schema lists all keys of a recipe"


def _location(found: ErrorDetails) -> tuple[str, ...]:
    """The path of the key that is meant: of two that do not go together, the one that the error itself names."""
    cause = found.get("ctx", {}).get("error")
    return cause.path if isinstance(cause, MisplacedError) else tuple(str(part) for part in found["loc"])


def scalar(text: str, where: str) -> Any:
    """A value from the command line, read as YAML reads it; what is no YAML is text.

    Raises: RecipeError for what would be refused in a file too.
    """
    try:
        return read_yaml(text)[0]
    except YamlError as error:
        if error.syntax:
            return text
        raise RecipeError(error.what, where=where, next=error.advice) from None


def _note_lines(node: yaml.Node, path: tuple[str, ...], lines: Lines) -> None:
    lines[path] = lines.get(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*path, str(key.value))] = key.start_mark.line + 1
            _note_lines(value, (*path, str(key.value)), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(item, (*path, str(index)), lines)


def _where(path: tuple[str, ...], file: str, places: Places) -> str:
    """The place of the deepest part of a path that was written, and what `--set` changed within it."""
    found = next((places[path[:length]] for length in range(len(path), -1, -1) if path[:length] in places), file)
    if found.startswith(_SET):
        return found
    within = [place for key, place in places.items() if place.startswith(_SET) and key[: len(path)] == path]
    return f"{found} with {', '.join(within)}" if within else found


def _replace(places: Places, path: tuple[str, ...]) -> None:
    """What stood at a path and below it was written by `--set` now."""
    for old in [key for key in places if key[: len(path)] == path]:
        del places[old]
    places[path] = _SET + ".".join(path)


def _override(data: dict[str, Any], text: str) -> tuple[str, ...]:
    """Apply one `a.b=c` and give its path; list items are numbered (`refine.0.threshold=0.9`)."""
    key, sign, value = text.partition("=")
    parts = key.strip().split(".")
    if not sign or not all(parts):
        shown = key.partition(":")[0] + ("=…" if sign else "")  # what follows may be a key
        raise RecipeError(f"'{shown}' is not KEY=VALUE", where="--set", next="--set train.learning_rate=1e-4")
    current: Any = data
    for depth, part in enumerate(parts[:-1], start=1):
        place: Any = _index(part, current, key) if isinstance(current, list) else part
        inner = current[place] if isinstance(current, list) else current.get(place)
        if inner is None:
            inner = default_at(parts[:depth], data)
        if not isinstance(inner, dict | list):
            inner = {"use": inner} if isinstance(inner, str) and inner else {}
        current[place] = current = inner
    last: Any = _index(parts[-1], current, key) if isinstance(current, list) else parts[-1]
    current[last] = scalar(value, _SET + key.strip())
    return tuple(parts)


def _index(part: str, items: list[Any], key: str) -> int:
    if not part.isdigit() or int(part) >= len(items):
        named = ", ".join(str(item.get("use") if isinstance(item, dict) else item) for item in items)
        raise RecipeError(
            f"'{key}': '{part}' is no item of a list of {len(items)}{f' ({named})' if items else ''}",
            where="--set",
            next="items are counted from 0; write the whole list to have more of them",
        )
    return int(part)


def _expand(value: Any, path: tuple[str, ...], where: Callable[[tuple[str, ...]], str], use: str = "") -> Any:
    """`${NAME}` and `${NAME:-default}` from the environment, for paths that differ from machine to machine.

    Elsewhere, where words may leave this machine, only names that begin with IMBIK_TEXT_ are read, and no key has one
    of these: a recipe that somebody else wrote chooses endpoints, so it must not choose what is sent there.
    """
    if isinstance(value, dict):
        kind = str(value.get("use", ""))
        return {key: _expand(item, (*path, str(key)), where, kind) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, (*path, str(number)), where, use) for number, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda found: _variable(found, where(path), is_path=_is_path(path, use)), value)


def _is_path(path: tuple[str, ...], use: str) -> bool:
    """Whether what stands there names a file of this machine (or a key, which is held to its own rules)."""
    match path:
        case ("tasks", "source" | "validation_source" | "test_source" | "answer_schema", *_) | ("student", "model"):
            return True
        case ("tasks", "grow", "strategies", _, "taxonomy" | "personas" | "folder" | "file"):
            return True
        case ("teachers", _, "recipe" | "run" | "key") | ("teachers", _, "files", *_):
            return True
        case ("teachers", _, "model"):
            return use == "in_process"
    return False


def _variable(match: re.Match[str], where: str, *, is_path: bool) -> str:
    name, default = match.group(1), match.group(2)
    if is_secret_name(name) or (not is_path and name.endswith("_KEY")):
        raise RecipeError(
            f"${{{name}}} would write a secret into the run folder",
            where=where,
            next=f"leave it out: {name} is read by itself",
        )
    if not is_path and not name.startswith(TEXT):
        may_be_key = f" ({name} may be the name of a key)" if is_key_name(name) else ""
        raise RecipeError(
            f"${{{name}}} stands where words may leave this machine, so it is not read{may_be_key}",
            where=where,
            next=f"variables are for paths; elsewhere their names begin with {TEXT}: "
            f"${{{TEXT}{name.removeprefix('IMBIK_')}}}",
        )
    found = os.environ.get(name, default)
    if found is None:
        raise RecipeError(
            f"the environment variable {name} is not set", where=where, next=f"export {name}=/path/to/your/data"
        )
    return found


def _mark_blocks(value: Any, path: tuple[str, ...], file: str, places: Places) -> Any:
    """Give every `{use: …}` block and bare plug-in name its place, for errors that appear when it is typed later."""
    if isinstance(value, str) and _names_plugin(path):
        return {"use": value, WHERE: _where(path, file, places)}
    if isinstance(value, dict):
        marked = {str(key): _mark_blocks(item, (*path, str(key)), file, places) for key, item in value.items()}
        if "use" in value:
            use = (*path, "use")
            marked[WHERE] = places[use] if places.get(use, "").startswith(_SET) else _where(path, file, places)
        return marked
    if isinstance(value, list):
        return [_mark_blocks(item, (*path, str(index)), file, places) for index, item in enumerate(value)]
    return value


def _names_plugin(path: tuple[str, ...]) -> bool:
    """Whether a string at this path is a plug-in's name."""
    return any(
        len(path) == len(pattern) and all(want in ("*", part) for want, part in zip(pattern, path, strict=True))
        for pattern in _BLOCKS
    )
