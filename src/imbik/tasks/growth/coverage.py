"""Which strategy makes how much of which category next, and which of them has dried up.

Enters: the shares of the strategies, the categories that each can grow, the pool's counts, what each round brought.
Leaves: the ideas of the next round, and for whoever is asked no more the reason. Strategies make up for what they are
behind their share; within a strategy the categories with the fewest tasks come first. All of it follows from earlier
rounds alone.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from imbik.recipe.growing import Grow
from imbik.tasks.growth.journal import Tried

ROUND_TASKS = 320
MOST_IDEAS = 96
_TELLING = 20  # tasks brought, below which a few old ones among them say nothing


class Turn(NamedTuple):
    """One idea to be had: by which strategy, for which category, the number of the idea there."""

    strategy: str
    category: str
    number: int


@dataclass
class Recent:
    """The last rounds in which a strategy, or one of its categories, was asked: ideas, tasks brought, new ones, and a
    reason where every idea failed."""

    rounds: int
    kept: deque[tuple[int, int, int, str]] = field(default_factory=deque)

    def add(self, items: Sequence[Tried]) -> None:
        """One more round."""
        failed = next((item.failed for item in items), "") if all(item.failed for item in items) else ""
        self.kept.append((len(items), sum(item.offered for item in items), sum(item.new for item in items), failed))
        while (
            len(self.kept) > self.rounds and sum(offered for _, offered, *_ in self.kept) - self.kept[0][1] >= _TELLING
        ):
            self.kept.popleft()

    def dry(self, bar: float) -> str:
        """Why these rounds say that nothing more is to be had; '' where they do not, or are too few to say."""
        offered, new = sum(item[1] for item in self.kept), sum(item[2] for item in self.kept)
        if len(self.kept) < self.rounds or 0 < offered < _TELLING:
            return ""
        if any(new and new >= bar * offered for _, offered, new, _ in self.kept):
            return ""
        if offered:
            return f"novelty dried up: of its last {offered:,} tasks {new:,} were new"
        ideas, why = sum(item[0] for item in self.kept), self.kept[-1][3]
        return f"its last {ideas:,} questions brought no task{f' ({why})' if why else ''}"


@dataclass
class Cell:
    """One strategy in one category. `closed` says why it is asked no more."""

    recent: Recent
    number: int = 0
    closed: str = ""


@dataclass
class Line:
    """One strategy: its share, the tasks asked for in a turn, its cells by category, and what it has brought so far."""

    name: str
    share: float
    a_turn: int
    recent: Recent
    cells: dict[str, Cell]
    ideas: int = 0
    failed: int = 0
    offered: int = 0
    new: int = 0
    closed: str = ""

    @classmethod
    def of(cls, name: str, share: float, a_turn: int, categories: Sequence[str], rounds: int) -> Line:
        """A strategy that has brought nothing yet."""
        return cls(name, share, a_turn, Recent(rounds), {category: Cell(Recent(rounds)) for category in categories})

    @property
    def open(self) -> list[str]:
        """Categories that it is still asked for."""
        return [] if self.closed else [name for name, cell in self.cells.items() if not cell.closed]

    @property
    def yields(self) -> float:
        """New tasks that one idea brings: as it did lately, at first four in five of what it is asked for."""
        ideas, new = sum(item[0] for item in self.recent.kept), sum(item[2] for item in self.recent.kept)
        return max(new / ideas, 0.05 * self.a_turn) if ideas else 0.8 * self.a_turn

    @property
    def why(self) -> str:
        """Why it is asked no more; '' while it is."""
        if self.closed or not self.cells:
            return self.closed or "it has no category to grow"
        return "" if self.open else Counter(cell.closed for cell in self.cells.values()).most_common(1)[0][0]


class Mixer:
    """The plan of all rounds."""

    def __init__(self, grow: Grow, lines: Sequence[Line], counts: Mapping[str, int]) -> None:
        self.grow, self.lines = grow, {line.name: line for line in lines}
        self.counts = Counter(counts)
        self.total = sum(counts.values())

    @property
    def room(self) -> int:
        """Tasks still wanted."""
        return max(0, self.grow.to - self.total)

    @property
    def categories(self) -> list[str]:
        """All categories of the pool and of the strategies, in order."""
        return list(dict.fromkeys([*self.counts, *(name for line in self.lines.values() for name in line.cells)]))

    def turns(self) -> list[Turn]:
        """The ideas of the next round; none where all is done or nobody has anything more."""
        live = [line for line in self.lines.values() if line.open]
        if not live or not self.room:
            return []
        planned: Counter[str] = Counter()
        wanted = self._wanted(live)
        return [turn for line in live for turn in self._of(line, wanted[line.name], planned)]

    def _wanted(self, live: Sequence[Line]) -> dict[str, int]:
        """Ideas of each live strategy: what brings it to its share of all that will be grown after this round."""
        size = min(self.room, ROUND_TASKS)
        shares = sum(line.share for line in live)
        after = sum(line.new for line in live) + size
        behind = {line.name: max(0.0, line.share / shares * after - line.new) for line in live}
        scale = size / (sum(behind.values()) or 1.0)
        return {line.name: min(MOST_IDEAS, math.ceil(behind[line.name] * scale / line.yields - 1e-9)) for line in live}

    def _of(self, line: Line, ideas: int, planned: Counter[str]) -> Iterable[Turn]:
        """So many ideas of a strategy, for the categories with the fewest tasks first."""
        order = {name: place for place, name in enumerate(line.cells)}
        heap = [(self._weight(name, planned, line), order[name], name) for name in line.open]
        heapq.heapify(heap)
        for _ in range(ideas):
            _, place, name = heap[0]
            cell = line.cells[name]
            yield Turn(line.name, name, cell.number)
            cell.number += 1
            planned[name] += max(1, round(line.yields))
            heapq.heapreplace(heap, (self._weight(name, planned, line), place, name))

    def _weight(self, category: str, planned: Mapping[str, int], line: Line) -> float:
        """What a category has: the fewest come first; without balance all take turns."""
        if not self.grow.balance:
            return line.cells[category].number
        return self.counts[category] + planned.get(category, 0)

    def note(self, tried: Sequence[Tried]) -> None:
        """Take in what a round brought, and close what hardly brings anything new."""
        strategies: dict[str, list[Tried]] = {}
        cells: dict[tuple[str, str], list[Tried]] = {}
        for item in tried:
            strategies.setdefault(item.strategy, []).append(item)
            cells.setdefault((item.strategy, item.category), []).append(item)
            self.counts[item.category] += item.new
            self.total += item.new
        bar = self.grow.novelty.at_least
        for (name, category), items in cells.items():
            cell, asked = self.lines[name].cells[category], [item for item in items if not item.over]
            if asked:
                cell.recent.add(asked)
            cell.closed = "it has no more ideas" if len(asked) < len(items) else cell.recent.dry(bar)
        for name, items in strategies.items():
            line, asked = self.lines[name], [item for item in items if not item.over]
            line.ideas += len(asked)
            line.failed += sum(bool(item.failed) for item in asked)
            line.offered += sum(item.offered for item in asked)
            line.new += sum(item.new for item in asked)
            if asked:
                line.recent.add(asked)
                line.closed = line.recent.dry(bar)
