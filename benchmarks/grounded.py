"""Claim: the check `grounded` finds at least 90% of wrong numbers and names planted into answers, and calls at most 5%
of right answers unsupported.

Needs: nothing; with `--sentences` a file of real Turkish sentences, one a line. Planted: in each of 64 answers that say
in other words what a passage says, every digit row, number word and name in turn is made wrong. Those answers were
written beside the check, so their false alarms are a floor; real sentences say more: each stands in a passage of five
(its own words, so this is the least that must pass), and, as the control, is looked up in a passage of five others.
Printed: shares with 95% intervals (Wilson), and answers a CPU second.

    python benchmarks/grounded.py --sentences ../shared/data/turkish_text/boun_sentences.txt
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.planting import planted, share
from benchmarks.turkish_references import TEXTS

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Message, Sample, Task
from imbik.refine.checks import CheckContext, RowCheck

FOUND_AT_LEAST = 0.90
FALSE_AT_MOST = 0.05


def sample(name: str, passage: str, question: str, answer: str) -> Sample:
    """One answered question about a passage."""
    message = Message(role="user", content=question)
    task = Task(id=name, kind="qa", messages=(message,), passage=passage, language="tr")
    return Sample(task=task, teacher="t", number=0, completion=Completion(answer=answer), answer=answer)


def on_texts(check: RowCheck, context: CheckContext, rng: random.Random) -> bool:
    """Planted errors and false alarms on our own texts."""
    made, found, alarms = Counter[str](), Counter[str](), 0
    began, judged = time.process_time(), 0
    for text in TEXTS:
        verdict = check.judge(sample(text.name, text.passage, text.question, text.answer), context)
        if not verdict.keep:
            alarms += 1
            print(f"    false alarm in {text.name}: {verdict.reason}")
        for kind, wrong in planted(text.answer, rng):
            made[kind] += 1
            found[kind] += not check.judge(sample(text.name, text.passage, text.question, wrong), context).keep
            judged += 1
    seconds = time.process_time() - began
    for kind, count in made.items():
        print(f"planted, {kind}: found {share(found[kind], count)}, bar {FOUND_AT_LEAST:.0%}")
    print(f"right answers called unsupported: {share(alarms, len(TEXTS))}, bar {FALSE_AT_MOST:.0%}")
    print(f"{judged / seconds:,.0f} answers a CPU second")
    held = all(found[kind] >= FOUND_AT_LEAST * count for kind, count in made.items())
    return held and alarms <= FALSE_AT_MOST * len(TEXTS)


def on_sentences(path: Path, check: RowCheck, context: CheckContext) -> bool:
    """Real sentences in their own passage and, as the control, in another."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if len(line.split()) >= 5]
    alarms = caught = 0
    blocks = [lines[at : at + 5] for at in range(0, len(lines) - 5, 5)]
    for number, block in enumerate(blocks):
        other = blocks[(number + len(blocks) // 2) % len(blocks)]
        alarms += not check.judge(sample(str(number), "\n".join(block), "Ne oldu?", block[2]), context).keep
        caught += not check.judge(sample(str(number), "\n".join(other), "Ne oldu?", block[2]), context).keep
    print(f"real sentences in their own passage called unsupported: {share(alarms, len(blocks))}")
    print(f"control, the same in another passage: called unsupported {share(caught, len(blocks))}")
    return alarms <= FALSE_AT_MOST * len(blocks) and caught >= 0.9 * len(blocks)


def main() -> None:
    """Print all figures; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sentences", type=Path, help="real Turkish sentences, one a line")
    options = parser.parse_args()
    context = CheckContext(kind=make("tasks/kinds", PluginBlock(use="qa")))
    check: RowCheck = make("refine/checks", PluginBlock(use="grounded"))
    held = on_texts(check, context, random.Random(0))
    if options.sentences:
        held &= on_sentences(options.sentences, check, context)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
