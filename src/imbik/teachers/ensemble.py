"""Several teachers as one: all vote, each row is routed to one, or rows are mixed among them.

Enters: questions. Leaves: whom to ask for each, and what becomes of their answers. It asks nobody itself: every member
is asked by `ask`, through the gate, with its own limits, price and stored answers.

    {use: ensemble, teachers: [a, b, c], by: vote, weights: {a: 2}}
    {use: ensemble, teachers: [a, b], by: route, route: {math: a, en: b, otherwise: b}}
    {use: ensemble, teachers: [a, b], by: mix, weights: {a: 3}}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal

import msgspec
from pydantic import Field, model_validator

from imbik.core.files import digest, digest_value
from imbik.core.misspelt import closest
from imbik.core.plugins import PluginSettings
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Usage, Vote
from imbik.teachers import TeacherContext

_REST = "otherwise"
_SPACE = 1 << 60
_HEAVIEST = 1e6  # beyond it the others would never have a say, and sums lose what they weigh


class EnsembleTeacher:
    """A teacher made of others; see the module's docstring."""

    class Settings(PluginSettings):
        """What the recipe may say."""

        teachers: list[str] = Field(min_length=1, description="names of other teachers of the recipe")
        by: Literal["vote", "route", "mix"] = Field(
            "vote",
            description="vote: all are asked and the majority's answer holds; route: by the row's tag, category, "
            "kind or language; mix: each row to one of them, drawn by weight",
        )
        route: dict[str, str] = Field(
            {}, description="tag, category, kind or language (in this order) -> teacher; `otherwise` for the rest"
        )
        weights: dict[str, float] = Field({}, description="teacher -> what its vote counts, or its share (default: 1)")

        @model_validator(mode="after")
        def _whole(self) -> EnsembleTeacher.Settings:
            if len(set(self.teachers)) < len(self.teachers):
                raise ValueError("a teacher stands twice under `teachers`; give it a weight instead")
            for name in (*self.route.values(), *self.weights):
                if name not in self.teachers:
                    raise ValueError(f"'{name}' is not under `teachers`; {closest(name, self.teachers)}")
            if (self.by == "route") != bool(self.route):
                raise ValueError("`route` says where rows go, and is needed for `by: route` alone")
            if self.route and _REST not in self.route:
                raise ValueError(f"`route` needs `{_REST}`, for rows that nothing else fits")
            if not all(0 < weight <= _HEAVIEST for weight in self.weights.values()):
                raise ValueError(
                    f"weights are numbers above 0, {_HEAVIEST:,.0f} at most; to weigh one at 0, leave it out"
                )
            return self

    def __init__(self, settings: Settings, context: TeacherContext) -> None:  # noqa: ARG002 - as every teacher
        self.settings = settings
        self.members = tuple(settings.teachers)
        self.shape = digest_value(settings.model_dump(mode="json"))[:16]

    def whom(self, question: Question) -> tuple[str, ...]:
        """The members to ask, in the order written."""
        if self.settings.by == "vote":
            return self.members
        return (self._routed(question) if self.settings.by == "route" else self._drawn(question),)

    def settle(self, found: Mapping[str, Completion], meaning: Callable[[Completion], str]) -> Completion:
        """One completion of the members' own; `meaning` is the normal form of an answer ('' for none).

        Votes of equal meaning are added up by weight. On a tie the meaning whose first voter stands first under
        `teachers` wins, and of the winners' answers the one of that voter is kept. Who did not answer does not vote;
        while an answer is still to come (a paused teacher, a spent budget) so is the vote, or a resumed run would be
        another.
        """
        waiting = next((name for name, one in found.items() if one.outcome is Outcome.PENDING), "")
        if waiting or len(found) == 1:
            name = waiting or next(iter(found))
            return msgspec.structs.replace(found[name], by=name)
        said = {name: meaning(one) if one.outcome is Outcome.ANSWERED else "" for name, one in found.items()}
        weight: dict[str, float] = defaultdict(float)
        for name, text in said.items():
            if text:
                weight[text] += self.settings.weights.get(name, 1.0)
        winner = max(weight, key=lambda text: weight[text], default="")  # the first of equals
        chosen = next((name for name in found if said[name] == winner and winner), _best_of(found))
        votes = tuple(Vote(teacher=name, outcome=one.outcome, answer=said[name]) for name, one in found.items())
        return msgspec.structs.replace(
            found[chosen],
            by=chosen,
            votes=votes,
            cost=sum((one.cost for one in found.values()), Decimal(0)),
            usage=_together(found),
            seconds=max(one.seconds for one in found.values()),
        )

    def _routed(self, question: Question) -> str:
        """By the first of tag, category, kind and language that the recipe names."""
        task, route = question.task, self.settings.route
        marks = (*task.tags, task.category, task.kind, task.language) if task else ()
        return next((route[mark] for mark in marks if mark in route), route[_REST])

    def _drawn(self, question: Question) -> str:
        """By weight, from the row's id alone: the same row goes to the same member in every run."""
        weights = [self.settings.weights.get(name, 1.0) for name in self.members]
        point = int(digest("mix", question.row)[:15], 16) / _SPACE * sum(weights)
        for name, weight in zip(self.members, weights, strict=True):
            point -= weight
            if point < 0:
                return name
        return self.members[-1]


def _best_of(found: Mapping[str, Completion]) -> str:
    """Whose completion stands for all where nobody's answer has a meaning: the best outcome, then the order written."""
    order = [Outcome.ANSWERED, Outcome.TRUNCATED, Outcome.MALFORMED, Outcome.REFUSED, Outcome.FILTERED, Outcome.FAILED]
    ranks = {outcome: rank for rank, outcome in enumerate(order)}
    return min(found, key=lambda name: ranks.get(found[name].outcome, len(order)))


def _together(found: Mapping[str, Completion]) -> Usage:
    """Tokens of all members."""
    names = Usage.__struct_fields__
    return Usage(**{name: sum(getattr(one.usage, name) for one in found.values()) for name in names})
