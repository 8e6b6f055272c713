"""A taxonomy: topics as a tree, each with what a good task of it holds and hand-written tasks to start from.

Enters: a YAML file of the user's, or the name of one that ships with imbik (`turkce`). Leaves: branches in the order
written, each with its path (`law › obligations › default`), what it is about, the rubric (its own, else that of the
nearest branch above) and its tasks, with their lines. A rubric is a text, a list, or criteria with anchors from 1 to 5,
by which a judge can mark answers too. The format is described in docs/growing.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from imbik.core.errors import InputError
from imbik.core.misspelt import explain_validation
from imbik.core.strict_yaml import YamlError, lines_of, read_yaml
from imbik.tasks.shipped import named_file

SHIPPED = Path(__file__).parent / "taxonomies"
JOINT = " › "
Lines = Mapping[tuple[str, ...], int]


def _as_row(value: Any) -> Any:
    """A task written as plain text is its question."""
    return {"question": value} if isinstance(value, str) else value


def _as_text(value: Any) -> Any:
    """A rubric may be a text, or a list with a criterion a line."""
    return "\n".join(f"- {item}" for item in value) if isinstance(value, list) else value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Anchored(_Part):
    """One criterion of a rubric, with what the marks from 1 to 5 mean."""

    what: str = Field(min_length=1, description="what is asked of a task's answer")
    anchors: dict[Annotated[int, Field(ge=1, le=5)], str] = Field(min_length=1, description="what marks mean: {1: …}")


Values = Annotated[dict[str, str | int | float], BeforeValidator(_as_row)]
Words = Annotated[str | dict[str, Anchored], BeforeValidator(_as_text)]


class BranchEntry(_Part):
    """One branch as the file writes it."""

    about: str = Field("", description="what the branch covers, for whoever writes tasks for it")
    rubric: Words = Field("", description="what a good task, and a good answer to it, hold")
    tasks: list[Values] = Field([], description="hand-written tasks: a text, or columns such as question and answer")
    branches: dict[str, BranchEntry] = Field({}, description="branches below this one")


class TaxonomyFile(_Part):
    """A whole file."""

    language: str = Field("tr", description="language of the tasks")
    about: str = Field("", description="what the taxonomy is for")
    licence: str = Field("", description="under which the tasks may be used")
    personas: list[str] = Field([], description="who asks, for `grid`: a 62-year-old retired farmer from Konya …")
    branches: dict[str, BranchEntry] = Field(min_length=1, description="the topics")


@dataclass(frozen=True)
class TopicTask:
    """A hand-written task: the values of its row, and the line it stands on."""

    values: Mapping[str, str | int | float]
    line: int


@dataclass(frozen=True)
class Branch:
    """A branch; a topic is one that has no branches below it."""

    path: tuple[str, ...]
    about: str
    rubric: str
    tasks: tuple[TopicTask, ...]
    topic: bool
    criteria: Mapping[str, Anchored] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`law › obligations › default`: the category of its tasks."""
        return JOINT.join(self.path)


@dataclass(frozen=True)
class Taxonomy:
    """All branches in the order written, from the root down."""

    written: str
    language: str
    personas: tuple[str, ...]
    branches: tuple[Branch, ...]

    @property
    def topics(self) -> Sequence[Branch]:
        """The branches that tasks are grown for."""
        return [branch for branch in self.branches if branch.topic]

    def above(self, branch: Branch) -> Sequence[Branch]:
        """The branch itself and those it lies under, nearest first."""
        paths = [branch.path[:depth] for depth in range(len(branch.path), 0, -1)]
        return sorted((item for item in self.branches if item.path in paths), key=lambda item: -len(item.path))


def taxonomy_file(written: str, base: Path) -> Path:
    """The file of a path, or of a shipped name.

    Raises: InputError naming what ships, where neither is there.
    """
    return named_file(written, base, SHIPPED, "taxonomy")


def is_shipped(written: str, base: Path) -> bool:
    """Whether a name means a taxonomy of imbik's own, whose tasks are public."""
    return taxonomy_file(written, base).parent == SHIPPED


def read_taxonomy(written: str, base: Path) -> Taxonomy:
    """Read a file.

    Raises: InputError with file, line and key for what is no taxonomy.
    """
    path = taxonomy_file(written, base)
    try:
        data, node = read_yaml(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"a taxonomy is UTF-8 text ({error.reason})", where=str(path)) from None
    except YamlError as error:
        raise InputError(error.what, where=f"{path}:{error.line}", next=error.advice) from None
    lines = dict(lines_of(node))
    try:
        found = TaxonomyFile.model_validate(data if isinstance(data, dict) else {})
    except ValidationError as error:
        first = tuple(str(part) for part in error.errors()[0]["loc"])
        line = next((lines[first[:depth]] for depth in range(len(first), 0, -1) if first[:depth] in lines), 1)
        raise InputError(
            f"this is no taxonomy: {explain_validation(error, TaxonomyFile)}",
            where=f"{path}:{line}",
            next="docs/growing.md shows one",
        ) from None
    branches = tuple(_branches(found.branches, (), "", lines))
    return Taxonomy(written, found.language, tuple(found.personas), branches)


def _branches(
    entries: Mapping[str, BranchEntry], above: tuple[str, ...], rubric: str | Mapping[str, Anchored], lines: Lines
) -> Iterator[Branch]:
    """A branch, then those below it."""
    for name, entry in entries.items():
        path = (*above, name)
        place = tuple(part for step in path for part in ("branches", step))
        tasks = tuple(
            TopicTask(values, lines.get((*place, "tasks", str(number)), 0)) for number, values in enumerate(entry.tasks)
        )
        own = entry.rubric or rubric
        criteria = {} if isinstance(own, str) else own
        yield Branch(path, entry.about, _in_words(own), tasks, topic=not entry.branches, criteria=criteria)
        yield from _branches(entry.branches, path, own, lines)


def _in_words(rubric: str | Mapping[str, Anchored]) -> str:
    """A rubric as a prompt shows it: of criteria with anchors what is asked, and the highest of them."""
    if isinstance(rubric, str):
        return rubric
    return "\n".join(
        f"- {name}: {item.what} {max(item.anchors)}/5: {item.anchors[max(item.anchors)]}"
        for name, item in rubric.items()
    )
