"""Problem number i of a set, and as many different ones as are wanted.

A set's name, an index and a seed enter; a `Problem` leaves. The random state is made from these three alone,
so problem 7 is the same whether or not problem 6 was ever read.

Sets: ``pool`` (training), ``A`` (seen phrasings; names, things and number combinations never used in training),
``B`` (phrasings never used in training), ``C`` (seen phrasings; at least one given number from `WITHHELD`, an
interval inside the trained range that no other set's text states).
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Sequence

from imbik.tasks.problems.model import Facts, Plot, Problem
from imbik.tasks.problems.themes import FAMILIES
from imbik.tasks.problems.turkish import Name, Noun, Number, capitalise_sentences
from imbik.tasks.problems.words import NAMES, RESERVED_NAMES, RESERVED_THINGS, THINGS

SETS = ("pool", "A", "B", "C")
WITHHELD = range(41, 47)
RESERVED_SHARE = 8
ATTEMPTS = 20_000


def reserved(plot: Plot, drawn: Facts) -> bool:
    """Whether this combination of given numbers is kept for set A (one combination in eight)."""
    key = f"{plot.name}:{sorted(drawn.given.items())}"
    return zlib.crc32(key.encode()) % RESERVED_SHARE == 0


def allowed(plot: Plot, drawn: Facts, set_name: str) -> bool:
    """Whether the facts are sound and belong to the set."""
    withheld = any(number in WITHHELD for number in drawn.given.values())
    if not drawn.sound or withheld != (set_name == "C"):
        return False
    return set_name == "C" or reserved(plot, drawn) == (set_name == "A")


def draw_facts(plot: Plot, set_name: str, rng: random.Random) -> Facts:
    """Draw until the facts belong to the set. Raises RuntimeError where a plot cannot serve a set."""
    for _ in range(ATTEMPTS):
        drawn = plot.draw(rng)
        if allowed(plot, drawn, set_name):
            return drawn
    raise RuntimeError(f"plot {plot.name!r} gives no facts for set {set_name!r}: widen its numbers")


def tell(phrasing: str, drawn: Facts, names: Sequence[Name], things: Sequence[Noun], rng: random.Random) -> str:
    """Fill a phrasing with three of `names`, two of `things` and the given numbers."""
    n, m, o = rng.sample(names, 3)
    t, u = rng.sample(things, 2)
    words: dict[str, object] = {"n": n, "m": m, "o": o, "t": t, "u": u}
    numbers = {name: Number(value) for name, value in drawn.given.items()}
    return capitalise_sentences(phrasing.format(**words, **numbers))


def generate(set_name: str, index: int, seed: int = 0) -> Problem:
    """Problem `index` of a set. Raises ValueError for an unknown set."""
    if set_name not in SETS:
        raise ValueError(f"unknown problem set {set_name!r}; known: {', '.join(SETS)}")
    rng = random.Random(f"{seed}/{set_name}/{index}")
    family = rng.choice(FAMILIES)
    plot = rng.choice([plot for plot in family.plots if plot.unseen or set_name != "B"])
    phrasings = plot.unseen if set_name == "B" else plot.seen
    chosen = rng.randrange(len(phrasings))
    drawn = draw_facts(plot, set_name, rng)
    names, things = (RESERVED_NAMES, RESERVED_THINGS) if set_name == "A" else (NAMES, THINGS)
    return Problem(
        id=f"{set_name}-{seed}-{index}",
        family=family.name,
        phrasing=f"{plot.name}.{'unseen' if set_name == 'B' else 'seen'}{chosen + 1}",
        text=tell(phrasings[chosen], drawn, names, things[plot.things], rng),
        reasoning=" ".join(step.text for step in drawn.steps),
        answer=drawn.answer,
        operations=tuple(step.operation for step in drawn.steps),
        given=tuple(drawn.given.values()),
    )


def problems(set_name: str, count: int, seed: int = 0) -> Iterator[Problem]:
    """`count` problems of a set with distinct texts, in the order of their index; repeats are passed over."""
    seen: set[str] = set()
    index = 0
    while len(seen) < count:
        problem = generate(set_name, index, seed)
        index += 1
        if problem.text not in seen:
            seen.add(problem.text)
            yield problem
