"""The JSON schema that answers have to fit, where the recipe names a file of one.

Enters: the recipe. Leaves: the schema's text in one line, checked to be a schema, or '' where none is named. Every task
carries it, so that each question is asked and each answer checked by it (`imbik.ask.shape`). It is checked before a run
starts, and its errors name the line of the schema's file where it has one, and the recipe's key.
"""

from __future__ import annotations

import json
from pathlib import Path

from imbik.ask.shape import refuse_misspelt, validator
from imbik.core.errors import InputError
from imbik.recipe import Recipe

_KEY = "tasks.answer_schema"


def schema_file(recipe: Recipe) -> list[Path]:
    """The file, as a list of one; empty where none is named.

    Raises: InputError where it is missing.
    """
    named = recipe.tasks.answer_schema
    if not named:
        return []
    path = recipe.path(named)
    if not path.is_file():
        raise InputError(
            f"there is no file {named}", where=recipe.place(_KEY), next="name a file that holds a JSON schema"
        )
    return [path]


def schema_text(recipe: Recipe) -> str:
    """The schema's text.

    Raises: InputError where the file is missing or holds no schema.
    """
    for path in schema_file(recipe):
        try:
            text = json.dumps(json.loads(path.read_text(encoding="utf-8-sig")), ensure_ascii=False)
            validator(text)
            refuse_misspelt(text)
        except Exception as error:  # not UTF-8, no JSON, no schema: all the same to a person
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            at = getattr(error, "json_path", "")
            raise InputError(
                f"this is no JSON schema{f' at {at}' if at else ''}: {why:.200}",
                where=f"{path}{line}",
                next=f"mend the file, or name another at {recipe.place(_KEY)}",
            ) from None
        return text
    return ""
