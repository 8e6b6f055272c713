"""Byte-pair merges learned so that every token has been seen in enough tasks.

Enters: for each distinct word, how often it occurs and in which tasks. Leaves: merges in order. A pair is merged only
while it stands in words of at least `min_tasks` tasks, so no token can spell out what only a few people wrote and
outlive the erasure of their rows. Ties are broken by the pair's spelling, so the same text gives the same tokenizer.
Source: Sennrich et al. 2016, with the count over tasks added.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Pair = tuple[str, str]


@dataclass
class Word:
    """A distinct word: its current symbols, how often it occurs, and (up to the limit) in which tasks."""

    symbols: list[str]
    count: int = 0
    tasks: set[str] = field(default_factory=set)


class WordCounts:
    """Counts of distinct words, with the first `limit` tasks of each."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.words: dict[str, Word] = {}

    def add(self, task: str, words: Iterable[str]) -> None:
        """Count the words of one text of a task."""
        for text in words:
            word = self.words.get(text)
            if word is None:
                word = self.words[text] = Word(list(text))
            word.count += 1
            if len(word.tasks) < self.limit:
                word.tasks.add(task)


def learn_merges(counts: WordCounts, limit: int, min_tasks: int) -> list[Pair]:
    """Up to `limit` merges, most frequent pair first; each was seen in at least `min_tasks` tasks when it was made."""
    return _Trainer(list(counts.words.values()), min_tasks).run(limit)


class _Trainer:
    """Keeps the count of every adjacent pair and which words it stands in; a heap gives the most frequent."""

    def __init__(self, words: list[Word], min_tasks: int) -> None:
        self.words, self.min_tasks = words, min_tasks
        self.counts: dict[Pair, int] = defaultdict(int)
        self.places: dict[Pair, set[int]] = defaultdict(set)
        for number, word in enumerate(words):
            for pair in zip(word.symbols, word.symbols[1:], strict=False):
                self.counts[pair] += word.count
                self.places[pair].add(number)
        self.heap = [(-count, pair) for pair, count in self.counts.items()]
        heapq.heapify(self.heap)

    def run(self, limit: int) -> list[Pair]:
        merges: list[Pair] = []
        spelled: set[str] = set()
        while self.heap and len(merges) < limit:
            negative, pair = heapq.heappop(self.heap)
            if -negative != self.counts.get(pair, 0) or not self._enough_tasks(pair):
                continue
            if pair[0] + pair[1] in spelled:
                continue  # two merges may spell one token; the second would add none
            spelled.add(pair[0] + pair[1])
            merges.append(pair)
            self._merge(pair)
        return merges

    def _enough_tasks(self, pair: Pair) -> bool:
        tasks: set[str] = set()
        for number in self.places[pair]:
            tasks |= self.words[number].tasks
            if len(tasks) >= self.min_tasks:
                return True
        return False

    def _merge(self, pair: Pair) -> None:
        """Join the pair in every word it stands in; counts of the pairs around change."""
        changes: Mapping[Pair, int]
        changes = defaultdict(int)
        for number in sorted(self.places.pop(pair)):
            word = self.words[number]
            for old in zip(word.symbols, word.symbols[1:], strict=False):
                changes[old] -= word.count
            word.symbols = _joined(word.symbols, pair)
            for new in zip(word.symbols, word.symbols[1:], strict=False):
                changes[new] += word.count
                self.places[new].add(number)
        self.counts.pop(pair, None)
        for changed, delta in changes.items():
            if changed == pair or not delta:
                continue
            self.counts[changed] += delta
            heapq.heappush(self.heap, (-self.counts[changed], changed))


def _joined(symbols: list[str], pair: Pair) -> list[str]:
    """The symbols with every occurrence of the pair, left to right, as one symbol."""
    result: list[str] = []
    position = 0
    while position < len(symbols):
        if position + 1 < len(symbols) and (symbols[position], symbols[position + 1]) == pair:
            result.append(symbols[position] + symbols[position + 1])
            position += 2
        else:
            result.append(symbols[position])
            position += 1
    return result
