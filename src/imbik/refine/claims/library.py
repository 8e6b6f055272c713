"""A folder of reference texts that claims are looked up in: which passages are nearest to a question and its answer.

Enters: a folder (text, Markdown, HTML, PDF) and, if wanted, a local encoder's folder. Leaves: the best passages as
evidence, by BM25 over word roots (Robertson & Zaragoza 2009, computed by bm25s), or by the cosine of the encoder's
vectors. It is read once in each process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from imbik.core.errors import InputError
from imbik.models.encoder import Encoder
from imbik.refine.claims.composed import compose
from imbik.refine.claims.evidence import Evidence, roots
from imbik.tasks.growth.passages import document_files, passages

_WORDS = 220  # words of a passage: a few paragraphs, so that what is said together is found together


class Reference(NamedTuple):
    """A passage of a reference text: its file, and its words ready to be looked at."""

    file: str
    evidence: Evidence


class Library:
    """The passages of a folder, and how the nearest are found."""

    def __init__(self, folder: Path, language: str, encoder: Path | None) -> None:
        found = passages(folder, _WORDS, [], fewest=3)
        texts = [compose(one.text).text for one in found]
        self.common = _common(texts)
        self.references = [
            Reference(one.file, Evidence(text, language)) for one, text in zip(found, texts, strict=True)
        ]
        self._search: Callable[[str, int], list[int]] = _ByMeaning(encoder, texts) if encoder else _ByWords(texts)

    def nearest(self, text: str, count: int) -> list[Reference]:
        """The best passages, the nearest first; those with no word in common are none."""
        return [self.references[index] for index in self._search(text, min(count, len(self.references)))]


def _common(texts: Sequence[str]) -> frozenset[str]:
    """Roots that stand in more than a tenth of the passages, and in four at least: of these texts they tell none."""
    counted = Counter(root for text in texts for root in roots(text))
    return frozenset(root for root, count in counted.items() if count > max(3, len(texts) / 10))


class _ByWords:
    """BM25 over word roots."""

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s

        self._index = bm25s.BM25()
        self._index.index([sorted(roots(text)) or ["-"] for text in texts], show_progress=False)

    def __call__(self, text: str, count: int) -> list[int]:
        wanted = sorted(roots(text))
        if not wanted:
            return []
        where, scores = self._index.retrieve([wanted], k=count, show_progress=False)
        return [int(at) for at, score in zip(where[0], scores[0], strict=True) if score > 0]


class _ByMeaning:
    """Cosine of an encoder's vectors."""

    def __init__(self, folder: Path, texts: Sequence[str]) -> None:
        self._encoder = Encoder(folder)
        self._vectors = self._encoder.encode(texts)

    def __call__(self, text: str, count: int) -> list[int]:
        import numpy as np

        likeness = self._vectors @ self._encoder.encode([text])[0]
        return [int(at) for at in np.argsort(-likeness, kind="stable")[:count]]


def reference_files(folder: Path) -> list[Path]:
    """The files of the folder; the folder itself where it is not there, so that its absence is told."""
    return document_files(folder) if folder.is_dir() else [folder]


def library(folder: Path, language: str, encoder: Path | None = None) -> Library:
    """The folder's library, read anew only where a file has changed.

    Raises: InputError where the folder is not there or holds no text.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder of reference texts", where=str(folder), next="correct `references:`")
    state = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in document_files(folder))
    return _library(folder, language, encoder, state)


@lru_cache(maxsize=2)
def _library(folder: Path, language: str, encoder: Path | None, state: tuple[object, ...]) -> Library:  # noqa: ARG001
    return Library(folder, language, encoder)
