"""The rounds of growing: plan, ask, read, refuse what is nothing new, write down, until the pool is full or dry.

Enters: divided tasks, the recipe's `tasks.grow`, the asker. Leaves: `Grown`: tasks with their sets, and a report. Every
round follows from the rows and from earlier rounds, and is written down before the next: a run that was killed goes on
with the same questions, whose answers are stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import msgspec

from imbik.core.files import digest
from imbik.core.questions import Question, Sampling
from imbik.core.types import Completion, LabelReference, Message, Outcome, Sensitivity, Task
from imbik.privacy.detect import Detection
from imbik.privacy.person import strings
from imbik.privacy.suppression import Suppression
from imbik.stage import Foresees, StageContext
from imbik.tasks.growth.coverage import Line, Mixer, Turn
from imbik.tasks.growth.journal import Journal, Placed, Refused, Round, Tried
from imbik.tasks.growth.making import Maker
from imbik.tasks.growth.named import strategies_of
from imbik.tasks.growth.novelty import Novelty, compared
from imbik.tasks.growth.paid import look_ahead
from imbik.tasks.growth.reading import columns_of, read, schema
from imbik.tasks.growth.stops import refuse_silence
from imbik.tasks.identifiers import raised
from imbik.tasks.kinds import Kind
from imbik.tasks.questions import row_seed
from imbik.tasks.split import Assignment
from imbik.tasks.strategies import Ground, Idea, category_of, family_of

HELD_FAMILY = "its family is in a held-out set"
LABEL = "grow"


@dataclass
class _Candidate:
    """A task on its way into the pool, and the turn it came of."""

    task: Task
    set: str
    turn: int


class Rounds:
    """All growing of one stage."""

    def __init__(
        self,
        context: StageContext,
        kind: Kind,
        tasks: Sequence[Task],
        assignments: Sequence[Assignment],
        detection: Detection,
        erased: Suppression,
    ) -> None:
        grow = context.recipe.tasks.grow
        assert grow is not None
        self.context, self.grow, self.kind = context, grow, kind
        self.detection, self.erased = detection, erased
        self.seeds, self.assignments = tasks, assignments
        self.fields = columns_of(kind, references=grow.references)
        self.labels = tuple(
            sorted({task.reference.text for task in tasks if isinstance(task.reference, LabelReference)})
        )
        self.schema = schema(self.fields, self.labels)
        self.maker, self.novelty = Maker(context.recipe, kind), Novelty(grow.threshold)
        self.journal = Journal(context.folder)
        self.grown: dict[str, list[Task]] = {}
        self.placed: list[Placed] = []
        self.refused: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._levels: dict[str, Sensitivity] = {}
        self._takes = cache(self._foreseen)
        self._held_families = self._index()
        self.named = {item.name: item for item in strategies_of(context.recipe)}
        ground = self._ground()
        lines = []
        for item in self.named.values():
            categories = item.strategy.prepare(replace(ground, grown=partial(self._fit_for, item.teacher)))
            lines.append(Line.of(item.name, item.share, item.per_answer, categories, grow.novelty.rounds))
        self.mixer = Mixer(grow, lines, Counter(category_of(task) for task in tasks))

    def _index(self) -> set[str]:
        """Take seeds and held-out rows into the index; the families that have rows held out."""
        held: set[str] = set()
        for task, item in zip(self.seeds, self.assignments, strict=True):
            out = item.set != "train"
            self.novelty.add([(task.id, compared(task))], held_out=out)
            held |= {family_of(task)} if out else set()
        return held

    def _ground(self) -> Ground:
        tasks = self.context.recipe.tasks
        pairs = zip(self.seeds, self.assignments, strict=True)
        shown = [task for task, item in pairs if item.set == "train" and family_of(task) not in self._held_families]
        first = self.seeds[0].language if self.seeds else "tr"
        return Ground(
            seeds=shown,
            fields=self.fields,
            base=self.context.recipe.base,
            language=first,
            level=tasks.level or Sensitivity.CONFIDENTIAL,
            seed=self.grow.seed,
            labels=self.labels,
            may_show=lambda text: not self.novelty.knows(text),
        )

    def _fit_for(self, teacher: str, category: str) -> Sequence[Task]:
        """What was grown in a category and may go to a teacher ('': nobody is asked)."""
        return [task for task in self.grown.get(category, ()) if self._takes(teacher, task.sensitivity)]

    def run(self) -> None:
        """Round after round.

        Raises: BlockedError where no question of a strategy may leave; ImbikError where none was answered; whatever
            ends the asking (a spent budget, a teacher that is gone): the same command goes on then.
        """
        progress, number = self.context.progress, 0
        progress.begin(LABEL, self.grow.to)
        progress.advance(LABEL, min(self.mixer.total, self.grow.to))
        while turns := self.mixer.turns():
            done, answers = self.journal.read(number), dict[str, list[Completion]]()
            if done is None:
                done = self._round(turns, answers)
                self.journal.write(number, done)
            self._take(done)
            progress.advance(LABEL, len(done.placed), self._note())
            if not number and answers:
                look_ahead(self.context, self.named, self.mixer, answers)
            number += 1
        progress.end(LABEL)

    def _round(self, turns: Sequence[Turn], asked: dict[str, list[Completion]]) -> Round:
        """Have the ideas, ask, make tasks of what comes back, and refuse what is nothing new; `asked` gets the
        completions by strategy."""
        ideas = [self._idea(turn) for turn in turns]
        answers = self._ask(turns, ideas)
        for place, answer in answers.items():
            asked.setdefault(turns[place].strategy, []).append(answer)
        tried, refused, candidates = list[Tried](), list[Refused](), list[_Candidate]()
        for place, (turn, idea) in enumerate(zip(turns, ideas, strict=True)):
            if isinstance(idea, str):
                tried.append(Tried(strategy=turn.strategy, category=turn.category, failed=idea, over=not idea))
                continue
            made, bad, failed = self._made(turn, idea, answers.get(place))
            refused += bad
            candidates += [_Candidate(task, self._set_of(idea), place) for task in made]
            tried.append(
                Tried(strategy=turn.strategy, category=turn.category, offered=len(made) + len(bad), failed=failed)
            )
        refuse_silence(self.context.recipe, self.named, self.mixer, tried)
        placed = self._admit(_by_turns(candidates, turns), tried, refused)
        return Round(tried=tuple(tried), placed=tuple(placed), refused=tuple(refused))

    def _idea(self, turn: Turn) -> Idea | str:
        """The idea; '' where there is none any more, or why its tasks may not be made."""
        idea = self.named[turn.strategy].strategy.idea(turn.category, turn.number)
        if idea is None:
            return ""
        return HELD_FAMILY if idea.family in self._held_families else idea

    def _ask(self, turns: Sequence[Turn], ideas: Sequence[Idea | str]) -> dict[int, Completion]:
        """Completions by place, teacher by teacher."""
        asked: dict[str, list[int]] = {}
        for place, (turn, idea) in enumerate(zip(turns, ideas, strict=True)):
            if isinstance(idea, Idea) and not idea.rows and idea.prompt:
                asked.setdefault(self.named[turn.strategy].teacher, []).append(place)
        found: dict[int, Completion] = {}
        for teacher, places in asked.items():
            questions = (self._question(turns[place], ideas[place]) for place in places)
            found |= dict(zip(places, self.context.asker.ask(teacher, questions, purpose="growth"), strict=True))
        return found

    def _question(self, turn: Turn, idea: Idea | str) -> Question:
        assert isinstance(idea, Idea)
        grow, name = self.grow, f"grow/{turn.strategy}/{turn.category}/{turn.number}"
        row, *others = idea.made_of or (idea.how if idea.passage else name,)
        return Question(
            messages=(Message(role="user", content=idea.prompt),),
            row=row,
            shown=tuple(others),
            sensitivity=idea.sensitivity,
            sampling=Sampling(
                temperature=grow.temperature,
                top_p=grow.top_p,
                seed=row_seed(grow.seed, name, turn.number) if grow.temperature else None,
                max_tokens=grow.max_tokens,
            ),
            sample=turn.number,
            schema=self.schema,
        )

    def _made(self, turn: Turn, idea: Idea, answer: Completion | None) -> tuple[list[Task], list[Refused], str]:
        """Tasks of an idea, what of it was none, and why it brought nothing where its question failed."""
        rows, bad = list(idea.rows), list[str]()
        if answer is not None:
            if answer.outcome is not Outcome.ANSWERED:
                return [], [], f"{answer.outcome.value}: {answer.reason or 'no reason given'}"
            rows, bad = read(answer, self.fields, idea.wanted)
        teacher = self.named[turn.strategy].teacher if answer is not None else ""
        tasks = list[Task]()
        refused = [Refused(by=turn.strategy, category=turn.category, reason=reason) for reason in bad]
        for row in rows:
            made = self.maker.make(row, idea, turn.strategy, teacher, self._level(teacher))
            if isinstance(made, Task):
                tasks.append(made)
            else:
                told = Refused(by=turn.strategy, category=turn.category, reason=made.reason, detail=made.detail)
                refused.append(msgspec.structs.replace(told, text=str(row.get(self.fields[0], ""))))
        return tasks, refused, ""

    def _admit(self, candidates: Sequence[_Candidate], tried: list[Tried], refused: list[Refused]) -> list[Placed]:
        """The candidates that are new, in order, as long as there is room; the others are told of in `refused`."""
        found, _ = raised([item.task for item in candidates], self.detection, "")
        pairs = list[tuple[_Candidate, Task]]()
        for item, task in zip(candidates, found, strict=True):
            if why := self.erased.reason(task.id, task.text, strings(msgspec.to_builtins(task))):
                told = tried[item.turn]
                refused.append(Refused(by=told.strategy, category=told.category, reason=why))
            else:
                pairs.append((item, task))
        items = [(task.id, compared(task), item.set != "train") for item, task in pairs]
        placed = list[Placed]()
        for (item, task), refusal in zip(pairs, self.novelty.admit(items, self.mixer.room), strict=True):
            told = tried[item.turn]
            if refusal is None:
                tried[item.turn] = msgspec.structs.replace(told, new=told.new + 1)
                placed.append(Placed(task=task, set=item.set, raised=task.sensitivity is not item.task.sensitivity))
            else:
                why, detail = refusal
                text = compared(task)
                refused.append(Refused(by=told.strategy, category=told.category, reason=why, detail=detail, text=text))
        return placed

    def _take(self, done: Round) -> None:
        """Bring everything up to date with a round, made now or before."""
        known = self.novelty
        for item in done.placed:
            self.placed.append(item)
            if item.set == "train" and not _grounded(item.task):
                self.grown.setdefault(category_of(item.task), []).append(item.task)
        if len(known) < len(self.seeds) + len(self.placed):  # read from the journal: not judged again
            for item in done.placed:
                known.add([(item.task.id, compared(item.task))], held_out=item.set != "train")
        self.refused.update(item.reason for item in done.refused)
        self.failures.update(item.failed for item in done.tried if item.failed)
        self.mixer.note(done.tried)

    def _set_of(self, idea: Idea) -> str:
        """What is made of training seeds is for training; a family without a seed may be held out as a whole."""
        if idea.made_of:
            return "train"
        place = int(digest("held out", str(self.grow.seed), idea.family)[:12], 16) / 16**12
        shares = self.grow.held_out
        if place < shares.test:
            return "test"
        return "validation" if place < shares.test + shares.validation else "train"

    def _foreseen(self, teacher: str, level: Sensitivity) -> bool:
        asker = self.context.asker
        return not teacher or not isinstance(asker, Foresees) or asker.takes(teacher, level)

    def _level(self, teacher: str) -> Sensitivity:
        if teacher not in self._levels:
            self._levels[teacher] = self.context.asker.sensitivity(teacher) if teacher else Sensitivity.PUBLIC
        return self._levels[teacher]

    def _note(self) -> str:
        """Beside the bar: what each strategy brought, and the category with the fewest tasks."""
        by = ", ".join(f"{line.name} {line.new:,}" for line in self.mixer.lines.values())
        counts = {name: self.mixer.counts[name] for name in self.mixer.categories}
        fewest = min(counts.values(), default=0)
        return f"{by}; {len(counts)} categories, the smallest has {fewest:,}"


def _by_turns(candidates: Sequence[_Candidate], turns: Sequence[Turn]) -> list[_Candidate]:
    """Evenly from all strategies, so that where room is short none of them gets it all."""
    sizes = Counter(turns[item.turn].strategy for item in candidates)
    seen: Counter[str] = Counter()
    places = list[tuple[float, int]]()
    for number, item in enumerate(candidates):
        name = turns[item.turn].strategy
        seen[name] += 1
        places.append((seen[name] / sizes[name], number))
    return [candidates[number] for _, number in sorted(places)]


def _grounded(task: Task) -> bool:
    """Whether a task stands on a passage of a document, without which a change of it would hang in the air."""
    return bool(task.passage) and task.origin is not None and not task.origin.of
