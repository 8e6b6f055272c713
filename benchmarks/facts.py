"""Claim: with a folder of reference texts the check `facts` names at least 90% of wrong facts planted into open answers
and rejects at most 2% of right ones; without it, it finds at least 80% of what one of four samples has wrong.

Needs: nothing; with `--encoder` the folder of a local encoder, which then finds the passages beside BM25. The folder of
references holds 160 short Turkish texts; each has a question that names no passage, and an answer in other words. Wrong
facts are planted by means that know nothing of the check: every number, day, month, year, article, number word and name
in turn. Beside 130 of the answers the check was made, 30 more were written afterwards. Printed with 95% intervals
(Wilson), for each way of finding passages: questions whose own text is among the three found; planted facts that are
named (as contradicted, or as held by no text: `missing: reject` rejects them all), and that reject by themselves
(contradicted: the text and its words stand in the reason); right answers named and rejected; answers a CPU second; and
the same with three other samples of two teachers and no folder.

Controls in the same run: with a text taken away its own answer must be named, for nothing holds it; and three samples
that are wrong alike outvote a right one, which says what comparing samples is worth.

    python benchmarks/facts.py
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.planting import planted, share
from benchmarks.turkish_references import HELD, TEXTS, Text

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Message, Sample, Task, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.checks.facts import Facts
from imbik.refine.claims.library import library

NAMED_AT_LEAST, COMPARED_AT_LEAST, FALSE_AT_MOST = 0.90, 0.80, 0.02
ALL = (*TEXTS, *HELD)


def samples(text: Text, answers: Sequence[str]) -> list[Sample]:
    """Answers to a text's question, the first by one teacher and the rest by another."""
    task = Task(id=text.name, kind="qa", messages=(Message(role="user", content=text.question),), language="tr")
    return [
        Sample(task=task, teacher="a" if not number else "b", number=number, completion=Completion(), answer=answer)
        for number, answer in enumerate(answers)
    ]


def with_references(name: str, texts: Sequence[Text], check: Facts, context: CheckContext, rng: random.Random) -> bool:
    """Planted facts against the folder."""
    made, named, rejected, doubted, wrongly = Counter[str](), Counter[str](), Counter[str](), 0, 0
    began, judged = time.process_time(), 0
    for text in texts:
        (right,) = check.judge(samples(text, [text.answer]), context)
        wrongly, doubted = wrongly + (not right.keep), doubted + bool(right.reason)
        if right.reason:
            print(f"    right answer of {text.name}: {right.reason}")
        for kind, wrong in planted(text.answer, rng):
            (verdict,) = check.judge(samples(text, [wrong]), context)
            made[kind] += 1
            named[kind] += bool(verdict.reason)
            rejected[kind] += not verdict.keep
            judged += 1
    seconds = time.process_time() - began
    for kind, count in made.items():
        print(f"  {kind}: named {share(named[kind], count)}; contradicted by a text {share(rejected[kind], count)}")
    total, found = made.total(), named.total()
    print(
        f"{name}: named {share(found, total)}, bar {NAMED_AT_LEAST:.0%}; contradicted {share(rejected.total(), total)}"
    )
    print(
        f"{name}: right answers named {share(doubted, len(texts))}, rejected {share(wrongly, len(texts))}, bar "
        f"{FALSE_AT_MOST:.0%}"
    )
    print(f"{name}: {judged / seconds:,.0f} answers a CPU second")
    return found >= NAMED_AT_LEAST * total and wrongly <= FALSE_AT_MOST * len(texts)


def retrieved(name: str, base: Path, encoder: Path | None) -> None:
    """How often a question alone, and with its answer, finds its own text among three."""
    shelf = library(base / "references", "tr", encoder)
    for what, asked in (("question", "{0.question}"), ("question and answer", "{0.question}\n{0.answer}")):
        own = sum(any(one.file == f"{text.name}.txt" for one in shelf.nearest(asked.format(text), 3)) for text in ALL)
        print(f"{name}: own text among the three nearest to the {what}: {share(own, len(ALL))}")


def between_samples(check: Facts, context: CheckContext, rng: random.Random) -> bool:
    """One of four samples is wrong; the others say it as the text and as the answer do."""
    made = found = wrongly = right = misled = 0
    for text in ALL:
        for _, wrong in planted(text.answer, rng):
            verdicts = check.judge(samples(text, [wrong, text.answer, text.passage, text.answer]), context)
            made, found = made + 1, found + (not verdicts[0].keep)
            right, wrongly = right + 3, wrongly + sum(not verdict.keep for verdict in verdicts[1:])
            alone: Verdict = check.judge(samples(text, [text.answer, wrong, wrong, wrong]), context)[0]
            misled += not alone.keep
    print(f"one of four samples wrong, no folder: found {share(found, made)}, bar {COMPARED_AT_LEAST:.0%}")
    print(f"the right three rejected: {share(wrongly, right)}, bar {FALSE_AT_MOST:.0%}")
    print(f"control, three wrong alike against one right: the right one is rejected {share(misled, made)}")
    return found >= COMPARED_AT_LEAST * made and wrongly <= FALSE_AT_MOST * right and misled > 0.5 * made


def turned_round(base: Path, context: CheckContext, settings: Mapping[str, str]) -> bool:
    """Each answer against the folder without its own text: nothing there holds it."""
    named = rejected = 0
    for text in ALL:
        own = base / "references" / f"{text.name}.txt"
        own.rename(base / "away.txt")
        check: Facts = make("refine/checks", PluginBlock(use="facts", raw=dict(settings)))
        (verdict,) = check.judge(samples(text, [text.answer]), context)
        named, rejected = named + bool(verdict.reason), rejected + (not verdict.keep)
        (base / "away.txt").rename(own)
    print(
        f"control, the answer's own text taken away: named {share(named, len(ALL))}, rejected "
        f"{share(rejected, len(ALL))}"
    )
    return named >= 0.9 * len(ALL)


def main() -> int:
    """Print all figures; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--encoder", type=Path, help="folder of a local encoder that finds passages too")
    encoder = parser.parse_args().encoder
    held = True
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "references").mkdir()
        for text in ALL:
            (base / "references" / f"{text.name}.txt").write_text(text.passage, encoding="utf-8")
        context = CheckContext(kind=make("tasks/kinds", PluginBlock(use="qa")), base=base)
        ways = {"BM25": {"references": "references"}}
        if encoder:
            ways["encoder"] = {"references": "references", "encoder": str(encoder.resolve())}
        for way, settings in ways.items():
            check: Facts = make("refine/checks", PluginBlock(use="facts", raw=dict(settings)))
            retrieved(way, base, encoder if way == "encoder" else None)
            held &= with_references(f"{way}, written beside", TEXTS, check, context, random.Random(0))
            held &= with_references(f"{way}, written later", HELD, check, context, random.Random(2))
        held &= between_samples(make("refine/checks", PluginBlock(use="facts")), context, random.Random(1))
        held &= turned_round(base, context, ways["BM25"])
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
