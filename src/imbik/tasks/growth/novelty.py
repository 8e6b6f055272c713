"""Whether a task is new: compared, as it appears, with the pool and with everything held out.

Enters: texts of the pool and of held-out sets, then one candidate after another. Leaves: why a candidate is nothing new
(and which row it repeats), or "". Three looks, as `duplicates` and `leakage` take them later: the same words, case and
punctuation aside; a Jaccard similarity of word shingles at or above the threshold (MinHash bands find candidates, exact
Jaccard decides); a large share of word n-grams in common with one held-out task.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from imbik.core.types import Task
from imbik.tasks.grams import grams, jaccard, text_key, tokens
from imbik.tasks.minhash import band_keys

if TYPE_CHECKING:
    from imbik.tasks.grams import Grams

SHINGLE, NGRAM, OVERLAP, FEWEST_GRAMS, BOILERPLATE = 3, 8, 0.8, 3, 10


class Refusal(NamedTuple):
    """Why a task is nothing new (one of few reasons), and what of it is this task's own."""

    reason: str
    detail: str


SAME, NEAR, HELD, HELD_NEAR, HELD_PART = (
    "the same words as a task of the pool",
    "nearly the same words as a task of the pool",
    "the same words as a held-out task",
    "nearly the same words as a held-out task",
    "holds most of a held-out task",
)
FULL = "the pool was full"


class Novelty:
    """An index that grows with the pool; its memory is the shingles of every task in it."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._names: list[str] = []
        self._held: list[bool] = []
        self._grams: list[Grams] = []
        self._exact: dict[bytes, int] = {}
        self._bands: dict[bytes, list[int]] = defaultdict(list)
        self._ngrams: dict[int, list[int]] = defaultdict(list)
        self._sizes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._names)

    def knows(self, text: str) -> bool:
        """Whether these words stand in a held-out task."""
        found = self._exact.get(_key(text))
        return found is not None and self._held[found]

    def add(self, items: Iterable[tuple[str, str]], *, held_out: bool = False) -> None:
        """Take in texts by name, as they are: seeds may repeat one another."""
        pairs = list(items)
        sets = [grams(tokens(text), SHINGLE) for _, text in pairs]
        for (name, text), found, bands in zip(pairs, sets, self._keys(sets), strict=True):
            self._take(name, text, found, bands, held_out=held_out)

    def admit(self, items: Sequence[tuple[str, str, bool]], room: int) -> list[Refusal | None]:
        """For each (name, text, whether it is held out) why it is not taken in; those that are new are, in order, as
        long as there is room for more."""
        sets = [grams(tokens(text), SHINGLE) for _, text, _ in items]
        result: list[Refusal | None] = []
        for (name, text, held_out), found, bands in zip(items, sets, self._keys(sets), strict=True):
            refusal = self._look(text, found, bands) if room else Refusal(FULL, "")
            if refusal is None:
                self._take(name, text, found, bands, held_out=held_out)
                room -= 1
            result.append(refusal)
        return result

    def look(self, text: str) -> Refusal | None:
        """Why a text is nothing new; it is not taken in."""
        found = grams(tokens(text), SHINGLE)
        return self._look(text, found, self._keys([found])[0])

    def _keys(self, sets: Sequence[Grams]) -> Sequence[tuple[bytes, ...]]:
        return band_keys(sets, self.threshold) if self.threshold < 1 else [()] * len(sets)

    def _look(self, text: str, found: Grams, bands: tuple[bytes, ...]) -> Refusal | None:
        same = self._exact.get(_key(text))
        if same is not None:
            return Refusal(HELD if self._held[same] else SAME, self._names[same])
        tried: set[int] = set()
        for band in bands:
            for other in self._bands.get(band, ()):
                if other in tried:
                    continue
                tried.add(other)
                likeness = jaccard(found, self._grams[other])
                if likeness >= self.threshold:
                    held = self._held[other]
                    return Refusal(HELD_NEAR if held else NEAR, f"{self._names[other]} ({likeness:.0%})")
        return self._part_of_held_out(text) if self._sizes else None

    def _part_of_held_out(self, text: str) -> Refusal | None:
        """The held-out task that shares most n-grams, where it shares enough of the shorter one's."""
        own = grams(tokens(text), NGRAM).tolist()
        shared: Counter[int] = Counter()
        for gram in own:
            rows = self._ngrams.get(gram, ())
            if len(rows) < BOILERPLATE:
                shared.update(rows)
        for row, count in shared.most_common(1):
            shorter = min(len(own), self._sizes[row])
            if shorter >= FEWEST_GRAMS and count / shorter >= OVERLAP:
                return Refusal(HELD_PART, f"{self._names[row]} ({count / shorter:.0%})")
        return None

    def _take(self, name: str, text: str, found: Grams, bands: tuple[bytes, ...], *, held_out: bool) -> None:
        row = len(self._names)
        self._names.append(name)
        self._held.append(held_out)
        self._grams.append(found)
        key = _key(text)
        if held_out or key not in self._exact:
            self._exact[key] = row
        for band in bands:
            self._bands[band].append(row)
        if held_out:
            own = grams(tokens(text), NGRAM).tolist()
            self._sizes[row] = len(own)
            for gram in own:
                self._ngrams[gram].append(row)


def compared(task: Task) -> str:
    """What of a task is compared: its turns without system prompts, and without a passage that stands above the last
    one: two questions about one passage are two tasks."""
    turns = [message.content for message in task.messages if message.role != "system"]
    if task.passage and turns and turns[-1] != task.passage:
        turns[-1] = turns[-1].removeprefix(task.passage).lstrip()
    return "\n".join(turns)


def _key(text: str) -> bytes:
    return blake2b(text_key(text).encode(errors="surrogatepass"), digest_size=16).digest()
