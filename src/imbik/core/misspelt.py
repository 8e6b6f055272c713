"""What was meant by a name or key that nothing here knows: the nearest one that exists, in every file a user writes.

Enters: a name and the known ones, or what pydantic or msgspec found wrong. Leaves: a sentence. Where pydantic tried
several types, only the one that was meant is spoken of, and the path is the one that stands in the file.
"""

from __future__ import annotations

import difflib
import inspect
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, ValidationError

UNNAMED = "unnamed_key"  # the one kind of error that never repeats what was written
_NEAR = 0.65  # difflib's own 0.6 takes `structured` for what `temprature` meant
_FIELD = re.compile(r"unknown field `(.+?)`(?: - at `(.+)`)?$")


class _Found(NamedTuple):
    """One finding: where it stands in the file, in a part of which model, and whether other types were tried there."""

    item: Any
    path: tuple[int | str, ...]
    within: type[BaseModel]
    one_of_several: bool


def closest(name: str, known: Sequence[str]) -> str:
    """`did you mean X?` or the list of what exists."""
    near = _nearest(name, known)
    return f"did you mean '{near}'?" if near else f"known names: {', '.join(known) or 'none'}"


def misspelt(name: str, known: Sequence[str]) -> str:
    """The known name that was certainly meant, '' for one that is like none of them."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return near[0] if near and near[0] != name else ""


def explain_validation(error: ValidationError, model: type[BaseModel]) -> str:
    """Pydantic's findings as one paragraph in words; a misspelt key names the key that was meant."""
    found = [_found(item, model) for item in error.errors()]
    deeper = [item.path for item in found]
    lines = []
    for one in found:
        if one.one_of_several and any(len(path) > len(one.path) == _shared(path, one.path) for path in deeper):
            continue  # another type was meant: its own finding lies within
        lines.append(_in_words(one))
    return "; ".join(dict.fromkeys(lines))


def explain_decoding(error: Exception, kind: type[msgspec.Struct]) -> str:
    """msgspec's finding in words; a misspelt key of the record itself names the key that was meant."""
    found = _FIELD.search(str(error))
    if found is None or found[2]:
        return str(error)
    return (
        f"unknown key '{found[1]}'; {closest(found[1], [field.encode_name for field in msgspec.structs.fields(kind)])}"
    )


def _in_words(one: _Found) -> str:
    item, key = one.item, ".".join(str(part) for part in one.path)
    said = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        return f"unknown key '{key}'; {_meant(str(one.path[-1]), one.within)}"
    if item["type"] == "missing":
        return f"key '{key}' is missing"
    if not key:  # several keys that do not go together: the message names them, the input is all of it
        return str(said)
    return f"'{key}': {item['msg']}" if item["type"] == UNNAMED else f"'{key}': {said} (got {item['input']!r:.80})"


def _meant(name: str, model: type[BaseModel]) -> str:
    """The nearest key of a model, or of somewhere else where people look for it here."""
    known = sorted(field.alias or key for key, field in model.model_fields.items() if not field.exclude)
    elsewhere: Mapping[str, str] = getattr(model, "elsewhere", {})
    near = _nearest(name, [*known, *elsewhere])
    if near in elsewhere and near not in known:
        return f"did you mean '{near}'? It is not said here: write {elsewhere[near]}"
    return closest(name, known)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
    return near[0] if near else ""


def _shared(one: tuple[int | str, ...], other: tuple[int | str, ...]) -> int:
    """How many parts two paths have in common from the start."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _found(item: Any, model: type[BaseModel]) -> _Found:
    """A finding with its path: pydantic also puts the name of each type it tried into it."""
    path, within, labelled = list[int | str](), model, False
    annotation: Any = model
    for part in item["loc"]:
        arms = list(_arms(annotation))
        labelled = len(arms) > 1
        if labelled:
            annotation = next((arm for arm in arms if _is_called(arm, str(part))), Any)
            continue
        path.append(part)
        within = arms[0] if arms and _is_model(arms[0]) else within
        annotation = _below(arms[0] if arms else Any, part)
    return _Found(item, tuple(path), within, labelled)


def _arms(annotation: Any) -> Iterator[Any]:
    """The types that a value may have, without None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _arms(get_args(annotation)[0])
    elif origin in {Union, types.UnionType}:
        for arm in get_args(annotation):
            yield from _arms(arm)
    elif annotation is not type(None):
        yield annotation


def _is_called(arm: Any, label: str) -> bool:
    """Whether pydantic means this type by a word in a path."""
    name = getattr(get_origin(arm) or arm, "__name__", "")
    return label == name or label.startswith(f"{name}[")


def _below(annotation: Any, part: int | str) -> Any:
    """The type one step down: of a model's key, of an item, of a value."""
    if _is_model(annotation):
        fields = annotation.model_fields.items()
        return next((field.annotation for name, field in fields if part in {name, field.alias}), Any)
    inner = get_args(annotation)
    return inner[-1 if isinstance(part, str) else 0] if inner else Any


def _is_model(item: Any) -> bool:
    return inspect.isclass(item) and issubclass(item, BaseModel)
