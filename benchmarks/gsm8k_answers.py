"""Claim: on real solutions the check `answer` says what the data set's own labels say, on at least 99% of them.

Four recorded teachers of different strength answered 660 problems of GSM8K's test set (2,640 solutions, each labelled
right or wrong by the authors of the data). Every solution is read by the `math` kind and judged by the check `answer`;
disagreements are printed in full, to be read by a person. Beside it: what `agreement` keeps of the same four voices
without looking at any label, and how much of that is right (no floor: a majority is not truth); and whether all 7,473
worked solutions of the training set are taken apart into reasoning and answer; and which share of the answers was
compared without sympy (math-verify alone judges some hundreds a second).

Positive control, in the same run: each right answer moved by one must be called wrong, and with all labels turned round
none may agree.
Floor: comparing the text after the last marker as a string.

    python benchmarks/gsm8k_answers.py --data ../shared/data/gsm8k
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Message, Reference, Sample, Task
from imbik.refine.checks import CheckContext, GroupCheck, RowCheck
from imbik.tasks import expressions
from imbik.tasks.kinds import Kind
from imbik.tasks.numbers import canonical_number, write_number

TEACHERS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
BAR = 0.99


class Labelled(NamedTuple):
    """One solution as a sample, and what the data says of it."""

    sample: Sample
    label: bool


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a JSON-lines file."""
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def solutions(path: Path, kind: Kind) -> list[list[Labelled]]:
    """For each problem the four solutions, read by the kind."""
    found = []
    for number, row in enumerate(lines(path), start=1):
        message = Message(role="user", content=row["question"])
        reference = kind.reference({"answer": row["ground_truth"]})
        task = Task(id=f"gsm8k-{number}", kind="math", messages=(message,), reference=reference, language="en")
        found.append([labelled(task, kind, index, row[name]) for index, name in enumerate(TEACHERS)])
    return found


def labelled(task: Task, kind: Kind, number: int, solution: dict[str, Any]) -> Labelled:
    """One recorded solution."""
    completion = Completion(answer=solution["solution"])
    reading = kind.read(completion, task)
    sample = Sample(
        task=task, teacher="recorded", number=number, completion=completion, reasoning=reading.reasoning,
        answer=reading.answer,
    )  # fmt: skip
    return Labelled(sample, bool(solution["is_correct"]))


def agreement_with_labels(groups: list[list[Labelled]], context: CheckContext) -> float:
    """Share of solutions on which check and label say the same; prints the others."""
    check: RowCheck = make("refine/checks", PluginBlock(use="answer"))
    began, wrong, total, by_teacher = time.perf_counter(), 0, 0, dict.fromkeys(TEACHERS, 0)
    slow = sympy_calls()
    for sample, label in (item for group in groups for item in group):
        verdict = check.judge(sample, context)
        total += 1
        by_teacher[TEACHERS[sample.number]] += verdict.keep
        if verdict.keep != label:
            wrong += 1
            print(f"\n--- {sample.id}: label {label}, check {verdict.keep} ({verdict.reason})")
            print(sample.task.messages[0].content, "\n>>>", sample.completion.answer)
    seconds = time.perf_counter() - began
    print(
        f"answer: agrees with the label on {total - wrong} of {total} solutions ({1 - wrong / total:.2%}), "
        f"{total / seconds:,.0f} solutions/s"
    )
    print(f"without sympy: {1 - (sympy_calls() - slow) / total:.2%} of the solutions")
    for name, count in by_teacher.items():
        print(f"  {name:<20} {count / len(groups):6.1%} right")
    return 1 - wrong / total


def sympy_calls() -> int:
    """How often an expression has gone the slow way, answered from memory or not."""
    info = expressions._canonical.cache_info()
    return info.hits + info.misses


def string_floor(groups: list[list[Labelled]]) -> None:
    """What comparing strings would say."""
    same = [(sample.answer == reference(sample).text) == label for group in groups for sample, label in group]
    print(f"floor: equality of strings agrees on {sum(same)} of {len(same)} ({sum(same) / len(same):.2%})")


def positive_control(groups: list[list[Labelled]], context: CheckContext) -> bool:
    """Right answers moved by one must all be rejected; labels turned round must all be noticed."""
    check: RowCheck = make("refine/checks", PluginBlock(use="answer"))
    right = [sample for group in groups for sample, label in group if label]
    caught = 0
    for sample in right:
        number = canonical_number(sample.answer, "en")
        moved = write_number(Fraction(number) + 1) if number else ""
        caught += not check.judge(msgspec.structs.replace(sample, answer=moved), context).keep
    turned = sum(check.judge(sample, context).keep == (not label) for group in groups for sample, label in group)
    print(
        f"control: {caught} of {len(right)} right answers moved by one are rejected; with all labels turned round "
        f"{turned} agree"
    )
    return caught == len(right) and turned <= (1 - BAR) * sum(len(group) for group in groups)


def agreement_without_gold(groups: list[list[Labelled]], context: CheckContext) -> None:
    """What the check keeps when nobody knows the answer, and how much of that is right."""
    print("agreement without gold (four voices of very different strength):")
    for at_least in (0.5, 0.75, 1.0):
        check: GroupCheck = make("refine/checks", PluginBlock(use="agreement", raw={"at_least": at_least}))
        kept, right, tasks = 0, 0, 0
        for group in groups:
            verdicts = check.judge([item.sample for item in group], context)
            good = [item.label for item, verdict in zip(group, verdicts, strict=True) if verdict.keep]
            kept, right, tasks = kept + len(good), right + sum(good), tasks + bool(good)
        total = sum(len(group) for group in groups)
        print(
            f"  at_least {at_least:.2f}: keeps {kept} of {total} solutions ({kept / total:.1%}) of {tasks} problems; "
            f"{right} of them are right ({right / max(kept, 1):.1%})"
        )


def training_set(path: Path, kind: Kind, context: CheckContext) -> bool:
    """Whether every worked solution is taken apart, without calculator marks, and judged right against itself."""
    check: RowCheck = make("refine/checks", PluginBlock(use="answer"))
    total = parsed = 0
    for row in lines(path):
        total += 1
        known = kind.reference({"answer": row["answer"]})
        expected = re.sub(r"[,$]", "", row["answer"].rsplit("####", 1)[1].strip())
        task = Task(id=str(total), kind="math", messages=(), reference=known, language="en")
        reading = kind.read(Completion(answer=row["answer"]), task)
        sample = Sample(
            task=task, teacher="reference", number=0, completion=Completion(answer=row["answer"]), answer=reading.answer
        )
        good = known is not None and bool(known.reasoning) and "<<" not in known.reasoning
        parsed += good and check.judge(sample, context).keep and kind.canonical(reading.answer, task) == expected
    print(f"{path.name}: {parsed} of {total} worked solutions taken apart ({parsed / total:.2%})")
    return parsed == total


def reference(sample: Sample) -> Reference:
    """The known answer, which every problem here has."""
    return cast(Reference, sample.task.reference)


def main() -> None:
    """Print all figures; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with model_solutions_660.jsonl and train.jsonl"
    )
    folder = parser.parse_args().data
    kind: Kind = make("tasks/kinds", PluginBlock(use="math"))
    context = CheckContext(kind=kind)
    groups = solutions(folder / "model_solutions_660.jsonl", kind)
    agreed = agreement_with_labels(groups, context)
    string_floor(groups)
    held = positive_control(groups, context)
    agreement_without_gold(groups, context)
    parsed = training_set(folder / "train.jsonl", kind, context)
    sys.exit(0 if agreed >= BAR and held and parsed else 1)


if __name__ == "__main__":
    main()
