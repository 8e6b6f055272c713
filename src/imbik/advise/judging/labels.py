"""Experts' blind labels: what a judge is held against.

Enters: a file of JSON lines, or the verdicts of a run's review. A line names a sample of the run (`row`) or brings its
own (`question`, `answer`, perhaps `reasoning`, `passage`, `known`), and says who judged (`by`), what (`keep`), and that
it was given blind (`blind: true`). Leaves: samples with what most experts said, and in words what was left out. A label
given after seeing the judge's mark agrees with it for that, and proves nothing: it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from imbik.core.errors import InputError
from imbik.core.files import digest_value, read_lines
from imbik.core.misspelt import explain_decoding
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Completion, Message, Outcome, Record, Sample, Sensitivity, Task, TextReference
from imbik.recipe import Recipe
from imbik.review.content import content_key
from imbik.review.store import reviews_path, verdicts_of

_EXAMPLE = '{"row": "ID", "by": "NAME", "keep": true, "blind": true}'
_NOT_BLIND = (
    'does not say that it was given blind ("blind": true): a label given after seeing the judge\'s mark agrees with it '
    "for that, and proves nothing"
)


class _Line(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    by: str
    keep: bool
    blind: bool = False
    row: str = ""
    content: str = ""
    question: str = ""
    answer: str | None = None
    reasoning: str | None = None
    passage: str = ""
    known: str = ""
    language: str = ""
    sensitivity: Sensitivity | None = None
    reason: str = ""
    score: float | None = None
    at: str = ""


@dataclass
class Labels:
    """Samples by what is judged (a hash of it), what each expert said of them, and lines that do not count."""

    samples: dict[str, Sample] = field(default_factory=dict)
    said: dict[str, dict[str, bool]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    undecided: int = 0

    def decided(self) -> list[tuple[Sample, bool]]:
        """Samples with the majority's word, in a fixed order; ties decide nothing and are counted."""
        found, self.undecided = [], 0
        for key in sorted(self.said):
            keeping = sum(self.said[key].values())
            if 2 * keeping == len(self.said[key]):
                self.undecided += 1
            elif key in self.samples:
                found.append((self.samples[key], 2 * keeping > len(self.said[key])))
        return found

    @property
    def experts(self) -> int:
        """How many people judged."""
        return len({name for said in self.said.values() for name in said})

    def digest(self) -> str:
        """Hex SHA-256 of what was said of what."""
        return digest_value({key: sorted(said.values()) for key, said in sorted(self.said.items())})


def labels_of_file(path: Path, run: RunFolder, recipe: Recipe) -> Labels:
    """The labels of a file.

    Raises: InputError for a line that is none, and where no line counts.
    """
    found = Labels()
    lines = list(_lines(path))
    known = _samples_of(run, {line.row or line.content for _, line in lines if not line.question})
    for where, line in lines:
        sample = _own(line, recipe, where) if line.question else known.get(line.row or line.content)
        if not line.blind:
            found.refused.append(f"{where}: {_NOT_BLIND}")
        elif sample is None:
            found.refused.append(f"{where}: there is no answered sample '{line.row or line.content}' in this run")
        else:
            _add(found, content_key(sample), sample, line.by, line.keep)
    return _some(found, str(path))


def labels_of_review(run: RunFolder) -> Labels:
    """The verdicts of a run's review that were given blind. One with edits counts neither way.

    Raises: InputError where there are none.
    """
    found = Labels()
    given = verdicts_of(run)
    known = _samples_of(run, set(given))
    for key, verdicts in given.items():
        for item in verdicts:
            where = f"{reviews_path(run).name}: the verdict of {item.verdict.by} on '{item.row or key[:12]}'"
            if not item.blind:
                found.refused.append(f"{where} {_NOT_BLIND}")
            elif item.answer is not None or item.reasoning is not None:
                found.refused.append(f"{where} comes with an edit, and says neither keep nor reject of what was judged")
            elif key not in known:
                found.refused.append(f"{where} is on a sample that is no longer in this run")
            else:
                _add(found, key, known[key], item.verdict.by, item.verdict.keep)
    return _some(found, str(reviews_path(run)))


def _some(found: Labels, where: str) -> Labels:
    if found.said:
        return found
    raise InputError(
        f"no label counts: {found.refused[0] if found.refused else 'there are none'}",
        where=where,
        next="have experts judge without the marks before them: review: {blind: true} in the recipe, or a file of "
        f"lines such as {_EXAMPLE}",
    )


def _add(found: Labels, key: str, sample: Sample, expert: str, keep: bool) -> None:
    found.samples[key] = sample
    found.said.setdefault(key, {})[expert] = keep


def _lines(path: Path) -> Iterator[tuple[str, _Line]]:
    """`FILE:LINE` and what stands there."""
    try:
        text = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), next="give JSON lines") from None
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            read = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                f"this line is no label ({explain_decoding(error, _Line)})", where=where, next=f"one line is {_EXAMPLE}"
            ) from None
        if not read.by.strip() or not (read.row or read.content or read.question):
            raise InputError("a label names its expert (`by`) and its row", where=where, next=f"one line is {_EXAMPLE}")
        yield where, read


def _own(line: _Line, recipe: Recipe, where: str) -> Sample:
    """A sample that a line brings itself; as private as the recipe's rows are, unless it says."""
    level = line.sensitivity or recipe.tasks.level or Sensitivity.CONFIDENTIAL
    task = Task(
        id=f"label-{digest_value([line.question, line.passage, line.known])[:16]}",
        kind=recipe.tasks.kind.use,
        messages=(Message(role="user", content=line.question),),
        reference=TextReference(text=line.known) if line.known else None,
        passage=line.passage,
        language=line.language or (recipe.tasks.language if len(recipe.tasks.language) == 2 else "tr"),
        sensitivity=level,
    )
    if not (line.answer or "").strip():
        raise InputError("a label with a question brings the answer that was judged", where=where)
    answer, reasoning = line.answer or "", line.reasoning or ""
    return Sample(
        task=task, teacher="label", number=0, completion=Completion(answer=answer), reasoning=reasoning, answer=answer,
        sensitivity=level,
    )  # fmt: skip


def _samples_of(run: RunFolder, wanted: set[str]) -> dict[str, Sample]:
    """Samples of the run by id, by task id where that is one sample, and by content; as refined, else as answered."""
    found: dict[str, Sample] = {}
    for sample in _all(run) if wanted else ():
        for key in (content_key(sample), sample.id, sample.task.id):
            if key in wanted:
                found.setdefault(key, sample)
    return found


def _all(run: RunFolder) -> Iterator[Sample]:
    refined, answers = run.stage("3_refined"), run.stage("2_answers")
    yield from read_parts(refined, Sample)
    for path in sorted(refined.glob("rejected-*.jsonl")):
        yield from read_lines(path, Sample)
    answered: Sequence[Outcome] = (Outcome.ANSWERED,)
    yield from (sample for sample in read_parts(answers, Sample) if sample.completion.outcome in answered)
