"""Word counts and a linear classifier, so that nobody fools himself about what a language model adds.

Enters: the rows the student was taught, with their labels. Leaves: a system like any other. TF-IDF over words and
word pairs with a linear SVM is a strong classifier of short texts (Wang and Manning 2012) that trains in seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imbik.core.types import Completion, Sensitivity, Task
from imbik.evaluate.answers import UNTRAINED
from imbik.evaluate.scores import SystemScores
from imbik.evaluate.systems import Advance, Asked
from imbik.evaluate.timing import latency
from imbik.privacy.sensitivity import highest
from imbik.tasks.kinds import Kind

if TYPE_CHECKING:
    from imbik.core.types import Sample


@dataclass(frozen=True)
class TfidfSystem:
    """TF-IDF and LinearSVC on the student's own training rows."""

    texts: Sequence[str]
    labels: Sequence[str]
    source: str
    sensitivity: Sensitivity
    latency_rows: int
    name: str = "tfidf"

    rounds: int = 1

    def takes(self, task: Task) -> bool:  # noqa: ARG002
        """All rows."""
        return True

    def answer(self, tasks: Sequence[Task], kind: Kind, advance: Advance) -> Asked:  # noqa: ARG002 - the contract of systems
        """Train, answer all rows, time some of them one by one."""
        model, parameters, size = self._train()
        texts = [task.text for task in tasks]
        found = [Completion(answer=str(label)) for label in model.predict(texts)] if texts else []
        advance(len(tasks))
        seconds = []
        for text in texts[: self.latency_rows]:
            started = time.perf_counter()
            model.predict([text])
            seconds.append(time.perf_counter() - started)
        cost = SystemScores(latency_ms=latency(seconds), parameters=parameters, weights_bytes=size)
        note = f"tfidf learned {self.source} of the {len(self.texts):,} rows that the student was taught."
        return Asked({UNTRAINED: found}, cost, self.sensitivity, (note,))

    def _train(self) -> tuple[Any, int, int]:
        """The fitted pipeline, its number of weights and their bytes."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_pipeline
        from sklearn.svm import LinearSVC

        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        model = make_pipeline(words, LinearSVC(random_state=0)).fit(self.texts, self.labels)
        weights = model[-1].coef_
        return model, int(weights.size), int(weights.nbytes)


def from_samples(samples: Sequence[Sample], kind: Kind, latency_rows: int) -> TfidfSystem | str:
    """The system, on the file's own labels where every row has one, else the teacher's; or why there is none."""
    rows = {sample.task.id: sample for sample in samples}.values()
    gold = all(sample.task.reference is not None for sample in rows)
    labels = [sample.task.reference.text if sample.task.reference and gold else sample.answer for sample in rows]
    names = {kind.canonical(label, sample.task): label for label, sample in zip(labels, rows, strict=True)}
    if len(names) < 2:
        return "tfidf was left out: the training rows hold fewer than two classes."
    try:
        import sklearn  # noqa: F401
    except ModuleNotFoundError:
        return "tfidf was left out: scikit-learn is not installed (pip install 'imbik[train]')."
    return TfidfSystem(
        texts=[sample.task.text for sample in rows],
        labels=[names[kind.canonical(label, sample.task)] for label, sample in zip(labels, rows, strict=True)],
        source="the file's own labels" if gold else "the teacher's labels",
        sensitivity=highest(sample.sensitivity for sample in rows),
        latency_rows=latency_rows,
    )
