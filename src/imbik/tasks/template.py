"""`text_template`: a text with {column} fields, of which one is learned.

Enters: the template and a row. Leaves: the template's fields as texts, the learned column, and a plain question for
teachers (the other fields, without the template's markup: it may hold control tokens of one model's format). How the
text becomes token ids is `models.tokens`' business: the template's own text is trusted there, the fields never are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from imbik.core.errors import RecipeError
from imbik.tasks.rows import BadRowError, as_text, value_at

_FIELD = re.compile(r"\{([^{}\n]+)\}")
_NAME = re.compile(r"^\w[\w .-]*$")


class Template:
    """A text template with its fields in order; `learn` is the last field unless the recipe names another.

    Raises: RecipeError when there is no field, or `learn` is none of them.
    """

    def __init__(self, text: str, learn: str = "") -> None:
        self.text = text
        self.names = list(dict.fromkeys(name for name in _FIELD.findall(text) if _NAME.match(name)))
        if not self.names:
            raise RecipeError(
                "this template has no {column} field",
                where="tasks.text_template",
                next='"User: {input}\\nAssistant: {output}"',
            )
        if learn and learn not in self.names:
            raise RecipeError(
                f"'{learn}' is no field of the text_template", where="tasks.learn", next=", ".join(self.names)
            )
        self.learn = learn or self.names[-1]

    def fields(self, values: Mapping[str, object], columns: Mapping[str, str]) -> dict[str, str]:
        """Texts of the fields; `columns` says where a field stands under another name.

        Raises: BadRowError when a column is missing or all given ones are empty (the learned one may be).
        """
        found = {}
        for name in self.names:
            path = columns.get(name, name)
            if path not in values and path.split(".")[0] not in values and name != self.learn:
                raise BadRowError(
                    "a column of the text_template is missing",
                    f"'{path}'; columns: {', '.join(map(str, values))}",
                )
            found[name] = as_text(value_at(values, path), f"column '{path}'")
        if not any(text.strip() for name, text in found.items() if name != self.learn):
            raise BadRowError("the question is empty", "all given columns of the text_template are")
        return found

    def question(self, fields: Mapping[str, str]) -> str:
        """The fields that are given, for a teacher: alone as it is, several with their names."""
        given = {name: text for name, text in fields.items() if name != self.learn}
        if len(given) == 1:
            return next(iter(given.values()))
        return "\n".join(f"{name}: {text}" for name, text in given.items())
