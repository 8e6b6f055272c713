"""Claim: the check `grounded` finds at least 90% of wrong facts planted into answers, and calls at most 5% of right
answers unsupported.

Needs: nothing; with `--sentences` a file of real Turkish sentences, one a line. Planted: in each of 130 answers that
say in other words what a passage says, every number, day, month, year, article, number word and name in turn is made
wrong, or a sentence is added that has neither figure nor name. Beside those answers the check was made; 30 more were
written afterwards. Each of three batches of new answers showed false alarms at first sight (5 of 36, 5 of 30, 3 of 30),
all in sentences whose words are quite other than the passage's, and mended the rule of words: what is printed below is
the floor, and what new answers in free words bring lies nearer 10%. Real sentences:
each stands in a passage of five (its own words, so this is the least that must pass), with the same things planted,
and, as the control, is looked up in a passage of five others. Printed: shares with 95% intervals (Wilson), and answers
a CPU second.

    python benchmarks/grounded.py --sentences ../shared/data/turkish_text/boun_sentences.txt
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.planting import added, planted, share
from benchmarks.turkish_references import HELD, TEXTS, Text

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


def on_texts(name: str, texts: Sequence[Text], check: RowCheck, context: CheckContext, rng: random.Random) -> bool:
    """Planted errors and false alarms on our own texts."""
    made, found, alarms = Counter[str](), Counter[str](), 0
    began, judged = time.process_time(), 0
    for text in texts:
        verdict = check.judge(sample(text.name, text.passage, text.question, text.answer), context)
        if not verdict.keep:
            alarms += 1
            print(f"    false alarm in {text.name}: {verdict.reason}")
        for kind, wrong in [*planted(text.answer, rng), ("claim", added(text.answer, rng))]:
            made[kind] += 1
            found[kind] += not check.judge(sample(text.name, text.passage, text.question, wrong), context).keep
            judged += 1
    seconds = time.process_time() - began
    for kind, count in made.items():
        print(f"{name}, planted {kind}: found {share(found[kind], count)}")
    print(f"{name}, planted in all: found {share(found.total(), made.total())}, bar {FOUND_AT_LEAST:.0%}")
    print(f"{name}, right answers called unsupported: {share(alarms, len(texts))}, bar {FALSE_AT_MOST:.0%}")
    print(f"{name}: {judged / seconds:,.0f} answers a CPU second")
    return found.total() >= FOUND_AT_LEAST * made.total() and alarms <= FALSE_AT_MOST * len(texts)


def on_sentences(path: Path, check: RowCheck, context: CheckContext, rng: random.Random) -> bool:
    """Real sentences in their own passage, with something planted, and, as the control, in another passage."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if len(line.split()) >= 5]
    alarms = caught = made = found = 0
    blocks = [lines[at : at + 5] for at in range(0, len(lines) - 5, 5)]
    for number, block in enumerate(blocks):
        own, other = "\n".join(block), "\n".join(blocks[(number + len(blocks) // 2) % len(blocks)])
        alarms += not check.judge(sample(str(number), own, "Ne oldu?", block[2]), context).keep
        caught += not check.judge(sample(str(number), other, "Ne oldu?", block[2]), context).keep
        for _, wrong in planted(block[2], rng):
            made, found = made + 1, found + (not check.judge(sample(str(number), own, "Ne oldu?", wrong), context).keep)
    print(f"real sentences, planted in all: found {share(found, made)}, bar {FOUND_AT_LEAST:.0%}")
    print(f"real sentences in their own passage called unsupported: {share(alarms, len(blocks))}")
    print(f"control, the same in another passage: called unsupported {share(caught, len(blocks))}")
    held = found >= FOUND_AT_LEAST * made and alarms <= FALSE_AT_MOST * len(blocks)
    return held and caught >= 0.9 * len(blocks)


def main() -> None:
    """Print all figures; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sentences", type=Path, help="real Turkish sentences, one a line")
    options = parser.parse_args()
    context = CheckContext(kind=make("tasks/kinds", PluginBlock(use="qa")))
    check: RowCheck = make("refine/checks", PluginBlock(use="grounded"))
    held = on_texts("written beside", TEXTS, check, context, random.Random(0))
    held &= on_texts("written later", HELD, check, context, random.Random(1))
    if options.sentences:
        held &= on_sentences(options.sentences, check, context, random.Random(2))
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
