"""Whether an answer fits the JSON schema that its question names, whatever the endpoint promised.

Enters: a completion, the schema's text. Leaves: the completion with the bare JSON as its answer, or one that is
malformed and says where it does not fit: the path and the rule, never the value. Schemas: JSON Schema (any draft that
`$schema` names). A reference to another document is not followed: nothing here opens a connection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

import msgspec

from imbik.core.misspelt import misspelt
from imbik.core.types import Completion, Outcome

# Keywords that say something and check nothing: of JSON Schema 2020-12, of older drafts, and of OpenAPI.
_SAYING = (
    "$schema", "$id", "$anchor", "$dynamicAnchor", "$comment", "$defs", "$vocabulary", "$recursiveAnchor", "title",
    "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "contentEncoding",
    "contentMediaType", "contentSchema", "definitions", "then", "else", "minContains", "maxContains", "id", "nullable",
)  # fmt: skip
_FENCED = re.compile(r"\A\s*```[A-Za-z]*\s*\n(?P<inner>.*?)\n?\s*```\s*\Z", re.DOTALL)


def shaped(completion: Completion, schema: str) -> Completion:
    """The completion, checked; one without a schema to fit, or without an answer, stays as it is."""
    if not schema or completion.outcome is not Outcome.ANSWERED:
        return completion
    fenced = _FENCED.match(completion.answer)
    answer = fenced["inner"] if fenced else completion.answer.strip()
    reason = _misfit(answer, schema)
    if reason:
        return msgspec.structs.replace(completion, outcome=Outcome.MALFORMED, reason=reason)
    return msgspec.structs.replace(completion, answer=answer)


def _misfit(answer: str, schema: str) -> str:
    """Why an answer does not fit; '' where it does."""
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return "the answer is not the JSON that was asked for"
    try:
        first = min(
            validator(schema).iter_errors(value), key=lambda error: list(map(str, error.absolute_path)), default=None
        )
    except Exception as error:  # a reference that leads elsewhere, a pattern that is none: the answer is not proven
        return f"the answer could not be checked against the schema ({type(error).__name__})"
    return f"the answer does not fit the schema at {first.json_path} ({first.validator})" if first else ""


@lru_cache(maxsize=256)
def validator(schema: str) -> Any:
    """The validator of a schema's text.

    Raises: ValueError for text that is no JSON or refers to what it does not hold, jsonschema's SchemaError for JSON
        that is no schema.
    """
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    wanted = json.loads(schema)
    kind = validator_for(wanted, default=Draft202012Validator)
    kind.check_schema(wanted)
    _follow_references(wanted, str(kind.META_SCHEMA.get("$schema", "")))
    return kind(wanted, registry=Registry())


def refuse_misspelt(schema: str) -> None:
    """A key that no validator reads asks for nothing, in silence: one that is nearly a keyword was meant to be it.

    Raises: ValueError naming both. Other unknown keys are allowed (JSON Schema 2020-12 core, 6.5).
    """
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Resource
    from referencing.jsonschema import specification_with

    wanted = json.loads(schema)
    if not isinstance(wanted, dict):
        return
    kind = validator_for(wanted, default=Draft202012Validator)
    known = [*kind.VALIDATORS, *_SAYING]
    parts = [Resource.from_contents(wanted, default_specification=specification_with(kind.META_SCHEMA["$schema"]))]
    while parts:
        part = parts.pop()
        for key in part.contents if isinstance(part.contents, dict) else ():
            if key not in known and (meant := misspelt(str(key), known)):
                raise ValueError(f"unknown key '{key}'; did you mean '{meant}'?")
        parts += part.subresources()


def _follow_references(schema: Any, dialect: str) -> None:
    """Look up every reference once: no answer could be checked by one that leads nowhere, and each would be paid.

    Raises: ValueError naming the reference, or where references lead in a circle.
    """
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    if not isinstance(schema, dict):
        return
    whole = Resource.from_contents(schema, default_specification=specification_with(dialect))
    base = whole.id() or ""
    parts = [(whole, Registry().with_resource(base, whole).crawl().resolver(base))]
    ways = dict[int, list[int]]()  # from a part to those that look at the same value, each by its identity
    while parts:
        part, resolver = parts.pop()
        contents = part.contents if isinstance(part.contents, dict) else {}
        named = contents.get("$ref")
        ways[id(part.contents)] = [id(inner) for inner in _beside(contents)]
        try:
            if isinstance(named, str):
                ways[id(part.contents)].append(id(resolver.lookup(named).contents))
        except Unresolvable:
            raise ValueError(f"the reference {named} leads to nothing in it, and no other document is read") from None
        parts += [(inner, resolver.in_subresource(inner)) for inner in part.subresources()]
    try:
        TopologicalSorter(ways).prepare()
    except CycleError:
        raise ValueError(
            "its references lead in a circle without going deeper into the answer, so no answer could be checked"
        ) from None


def _beside(schema: Mapping[str, Any]) -> Iterator[Any]:
    """The parts of a schema that look at the same value as it does, and not at one inside it."""
    for name in ("allOf", "anyOf", "oneOf"):
        yield from schema.get(name, ())
    for name in ("not", "if", "then", "else"):
        if name in schema:
            yield schema[name]
    for name in ("dependentSchemas", "dependencies"):
        parts = schema.get(name)
        yield from (inner for inner in parts.values() if isinstance(inner, dict)) if isinstance(parts, dict) else ()
