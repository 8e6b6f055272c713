"""Balance: so many of each class stay, whatever the order of rows; the numbers are in the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import LabelReference, Sample, Task
from imbik.refine.checks import CheckContext
from stagekit import make_sample, make_task

KIND = make("tasks/kinds", PluginBlock(use="classification", raw={"labels": ["İade", "Kart", "Kredi"]}))


def rows(counts: dict[str, int], **more: object) -> list[Sample]:
    return [
        make_sample(
            msgspec.structs.replace(
                make_task(f"{label}-{number:03d}", **more), kind="classification", reference=LabelReference(text=label)
            ),
            answer=label,
        )
        for label, count in counts.items()
        for number in range(count)
    ]


def left_out(samples: Sequence[Sample], held_out: Sequence[Task] = (), **settings: object) -> dict[str, str]:
    context = CheckContext(kind=KIND, held_out={"test": held_out})
    found = []
    for size, order in ((1000, samples), (1, samples[::-1]), (7, samples)):
        check = make("refine/checks", PluginBlock(use="balance", raw=settings))
        blocks = [order[at : at + size] for at in range(0, len(order), size)]
        verdicts = check.decide(check.merge([check.sketch(block, context) for block in blocks]), context)
        assert not any(verdict.keep for verdict in verdicts.values())
        found.append({name: verdict.reason for name, verdict in verdicts.items()})
    assert found[0] == found[1] == found[2]
    return found[0]


def kept(samples: Sequence[Sample], out: dict[str, str]) -> Counter[str]:
    return Counter(sample.answer for sample in samples if sample.id not in out)


def test_no_class_has_more_than_times_the_rarest() -> None:
    samples = rows({"İade": 50, "Kart": 10, "Kredi": 15})
    out = left_out(samples, times=2)
    assert kept(samples, out) == {"İade": 20, "Kart": 10, "Kredi": 15}
    assert set(out.values()) == {
        "class 'İade' has 50 samples, and balance keeps 20 (2 times the rarest, 'Kart' with 10)"
    }


def test_no_class_has_more_than_most_and_the_smaller_bound_holds() -> None:
    samples = rows({"İade": 50, "Kart": 1, "Kredi": 15})
    assert kept(samples, left_out(samples, most=12)) == {"İade": 12, "Kart": 1, "Kredi": 12}
    assert kept(samples, left_out(samples, most=12, times=3)) == {"İade": 3, "Kart": 1, "Kredi": 3}
    assert kept(samples, left_out(samples, times=1, fewest=5)) == {"İade": 15, "Kart": 1, "Kredi": 15}
    assert "class 'İade' has 50 samples, and balance keeps 12 of each" in left_out(samples, most=12).values()


def test_held_out_rows_and_rows_without_a_class_stay() -> None:
    samples = rows({"İade": 20, "Kart": 2})
    test = [sample.task for sample in samples[:15]]
    out = left_out(samples, test, times=1)
    assert kept(samples, out)["İade"] == 15 + 2
    assert not {f"{task.id}#t#0" for task in test} & set(out)
    math = [make_sample(make_task(f"m{number}", category="cebir" if number else "")) for number in range(9)]
    assert left_out(math, most=1) == {}
    assert len(left_out(math, most=3, by="category")) == 5


def test_first_answers_stay_before_second_ones() -> None:
    tasks = [sample.task for sample in rows({"İade": 4})]
    samples = [make_sample(task, number, answer="İade") for task in tasks for number in range(3)]
    out = left_out(samples, most=4)
    assert {sample.number for sample in samples if sample.id not in out} == {0}


def test_a_bound_is_needed() -> None:
    for raw in ({}, {"times": 0.5}):
        with pytest.raises(PluginError, match="times"):
            make("refine/checks", PluginBlock(use="balance", raw=raw))
