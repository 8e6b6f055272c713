"""Answers somebody already has, brought to the tasks they answer.

Enters: the recipe's teachers that say `use: recorded`. Leaves: for a row its recorded answers by name, from columns
of the same row (`answers: {name: column.path}`) or from other files whose rows share a key with it (`files:`,
`key:`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from imbik.core.errors import RecipeError
from imbik.core.misspelt import closest
from imbik.core.types import Recorded
from imbik.recipe import Recipe
from imbik.tasks.normal import same_text_key
from imbik.tasks.rows import BadRowError, Quarantined, Row, as_text, value_at
from imbik.tasks.sources.auto import Auto


class RecordedAnswers:
    """All recorded answers of a recipe.

    Raises: RecipeError when two teachers give one name to different answers.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._columns: dict[str, str] = {}
        self._joined: dict[str, tuple[str, Mapping[str, str]]] = {}
        self._places: dict[str, str] = {}
        self._seen: set[str] = set()
        self._have: dict[str, None] = {}  # columns of the rows so far, in their order
        self.files: list[Path] = []
        self.notes: list[str] = []
        for teacher, block in recipe.teachers.items():
            if block.use == "recorded":
                self._add(teacher, block.raw, block.where, recipe.base)

    def of(self, values: Mapping[str, object]) -> tuple[Recorded, ...]:
        """The recorded answers of a row; a name without an answer here is left out."""
        return tuple(Recorded(name=name, text=text) for name, text in self._answers(values) if text.strip())

    def refuse_missing(self) -> None:
        """After all rows: a column that no row has is a misspelt one.

        Raises: RecipeError naming it.
        """
        for name, path in self._columns.items():
            if name not in self._seen:
                meant = f"; {closest(path.partition('.')[0], list(self._have))}"
                raise RecipeError(
                    f"no row has anything in the column '{path}' of recorded answer '{name}'{meant}",
                    where=self._places[name],
                    next="correct the column under `answers:` of that teacher",
                )

    def _answers(self, values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        if self._columns:
            self._have |= dict.fromkeys(map(str, values))
        for name, path in self._columns.items():
            found = value_at(values, path)
            if found is not None:
                self._seen.add(name)
            yield name, as_text(found, f"recorded answer '{path}'")
        for name, (key, answers) in self._joined.items():
            yield name, answers.get(_key(value_at(values, key)), "")

    def _add(self, teacher: str, raw: Mapping[str, object], where: str, base: Path) -> None:
        answers = _mapping(raw.get("answers"))
        files = raw.get("files") or {}
        if not files:
            for name, path in answers.items():
                self._places[name] = where or f"teachers.{teacher}"
                if self._columns.setdefault(name, path) != path:
                    raise RecipeError(
                        f"'{name}' names two recorded answers", where=where, next="give each its own name"
                    )
            return
        key = str(raw.get("key") or "id")
        named = _mapping(files) if isinstance(files, Mapping) else {}
        paths = list(named.items()) if named else [("", str(path)) for path in _listed(files)]
        for name, path in paths:
            wanted = {name: answers.get(name, "answer")} if name else answers or {teacher: "answer"}
            self._join(path, key, wanted, base)

    def _join(self, path: str, key: str, answers: Mapping[str, str], base: Path) -> None:
        """Read one file of answers, by key."""
        source = Auto(Auto.Settings(path=path))
        self.files += source.files(base)
        for name in answers:
            self._joined.setdefault(name, (key, {}))
        bad = 0
        for row in source.rows(base, ""):
            bad += isinstance(row, Quarantined) or not self._take(row, key, answers)
        self.notes += source.notes
        if bad:
            self.notes.append(f"{bad} rows of {path} were not used as recorded answers: no '{key}', or no text")

    def _take(self, row: Row, key: str, answers: Mapping[str, str]) -> bool:
        identity = _key(value_at(row.values, key))
        if not identity:
            return False
        for name, path in answers.items():
            try:
                text = as_text(value_at(row.values, path), path)
            except BadRowError:
                return False
            known = self._joined[name][1]
            if isinstance(known, dict) and text.strip():
                known.setdefault(identity, text)
        return True


def _key(value: object) -> str:
    """What joins rows: ids as they are, texts without regard to spaces, case and signs."""
    try:
        text = as_text(value, "key")
    except BadRowError:
        return ""
    return same_text_key(text)


def _mapping(value: object) -> dict[str, str]:
    return {str(name): str(path) for name, path in value.items()} if isinstance(value, Mapping) else {}


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]
