"""Claim: the check `arithmetic` calls at most 1% of GSM8K's own worked solutions wrong, and finds at least 95% of those
in which one digit of one result was changed.

Needs: `train.jsonl` and `test.jsonl` of GSM8K. The calculator marks `<<a+b=c>>` are removed before anything is read, so
the check sees what a model writes. In each copy one marked result, drawn at random, has one digit changed in the text
that stands behind the mark. Printed: share flagged of the solutions and of the copies with 95% intervals (Wilson), how
many equations were read, and solutions a CPU second. Every tenth original that is flagged is printed, to be
read.

Controls in the same run: a number added beside the calculation must flag nothing more; and what the simplest reading
finds, `a op b = c` of two plain numbers.

    python benchmarks/arithmetic.py --data ../shared/data/gsm8k
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Sample, Task
from imbik.refine.checks import CheckContext, RowCheck

FLAGGED_AT_MOST, FOUND_AT_LEAST = 0.01, 0.95
MARK = re.compile(r"<<[^<>\n]*>>")
RESULT = re.compile(r"=[^<>=\n]*>>\s*(\$?)(\d[\d,]*(?:\.\d+)?|\.\d+)")
PLAIN = re.compile(r"(?<![\d.])(\d+)\s*([-+*/])\s*(\d+)\s*=\s*\$?(\d+)(?![\d.,/])")


def solutions(path: Path) -> Iterator[str]:
    """Worked solutions without their last line."""
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)["answer"].rsplit("####", 1)[0].strip()


def changed(text: str, rng: random.Random) -> str | None:
    """The text with one digit of one marked result changed, marks removed; None where no result is marked."""
    places = [found.span(2) for found in RESULT.finditer(text)]
    if not places:
        return None
    start, end = rng.choice(places)
    digit = rng.choice([index for index in range(start, end) if text[index].isdigit()])
    others = [one for one in "0123456789" if one != text[digit] and not (one == "0" and digit == start)]
    return MARK.sub("", text[:digit] + rng.choice(others) + text[digit + 1 :])


def wilson(count: int, total: int) -> str:
    """`97.1% [96.7, 97.5]`."""
    share, z = count / total, 1.96
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    width = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return f"{share:.2%} [{middle - width:.2%}, {middle + width:.2%}]"


def flagged(check: RowCheck, text: str, context: CheckContext) -> str:
    """The reason of a rejection, or ''."""
    task = Task(id="1", kind="math", messages=(), language="en")
    sample = Sample(task=task, teacher="gold", number=0, completion=Completion(answer=text), reasoning=text)
    verdict = check.judge(sample, context)
    return "" if verdict.keep else verdict.reason


def floor_flags(text: str) -> bool:
    """Whether the simplest reading finds something wrong."""
    work = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}
    return any(
        op in work and work[op](int(first), int(second)) != int(result)
        for first, op, second, result in PLAIN.findall(text)
    )


def main() -> None:
    """Print all figures; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and test.jsonl")
    parser.add_argument("--seed", type=int, default=0, help="which results are changed")
    options = parser.parse_args()
    context = CheckContext(kind=make("tasks/kinds", PluginBlock(use="math")))
    check: RowCheck = make("refine/checks", PluginBlock(use="arithmetic"))
    held = True
    for name in ("train.jsonl", "test.jsonl"):
        held &= measure(name, list(solutions(options.data / name)), check, context, random.Random(options.seed))
    sys.exit(0 if held else 1)


def measure(name: str, texts: list[str], check: RowCheck, context: CheckContext, rng: random.Random) -> bool:
    """Print one file's figures; whether both bars are reached and the control holds."""
    began = time.process_time()
    reasons = [flagged(check, MARK.sub("", text), context) for text in texts]
    seconds = time.process_time() - began
    wrong = sum(map(bool, reasons))
    copies = [copy for text in texts if (copy := changed(text, rng)) is not None]
    found = sum(bool(flagged(check, copy, context)) for copy in copies)
    floor = sum(floor_flags(copy) for copy in copies)
    outside = [MARK.sub("", f"{rng.randint(100, 999)} numaralı soru.\n{text}") for text in texts]
    beside = sum(bool(flagged(check, text, context)) for text in outside)
    for number, reason in enumerate(filter(None, reasons)):
        if number % 10 == 0:
            print(f"    {reason}")
    total = len(texts)
    print(f"{name}: flags {wrong} of {total} worked solutions, {wilson(wrong, total)}, bar {FLAGGED_AT_MOST:.0%}")
    print(
        f"{name}: finds {found} of {len(copies)} copies with one digit of one result changed, "
        f"{wilson(found, len(copies))}, bar {FOUND_AT_LEAST:.0%}; the simplest reading finds {floor / len(copies):.1%}"
    )
    print(
        f"{name}: control, a number beside the calculation added: {beside} flagged (as without it: {beside == wrong})"
    )
    print(f"{name}: {len(texts) / seconds:,.0f} solutions a CPU second")
    reached = wrong <= FLAGGED_AT_MOST * len(texts) and found >= FOUND_AT_LEAST * len(copies)
    return reached and beside == wrong


if __name__ == "__main__":
    main()
