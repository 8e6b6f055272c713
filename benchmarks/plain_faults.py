"""Claim: shape, repetition, refusal, toxicity and pii let 99% of real texts pass, and find what is planted in them.

Needs: a file of real Turkish sentences, one a line (taken by fours), and GSM8K's training solutions (English reasoning;
the `<<…>>` marks are removed). Each text goes through each check as it is: whatever is rejected there counts as a false
alarm, also a slur or a name that the text does hold. Then once more with a fault planted: in the middle a sentence that
refuses, a slur, a number with valid check digits, a loop (repetition), or a loop at the end (shape). What is planted is
by those who wrote the checks: a control that shows the detectors awake, no measure of what they
find in the wild. Printed: shares with 95% intervals (Wilson), and the first false alarms of each.

    python benchmarks/plain_faults.py --turkish ../shared/data/turkish_text/boun_sentences.txt \\
        --english ../shared/data/gsm8k/train.jsonl
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.planting import share

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Message, Sample, Task, Verdict
from imbik.refine.checks import CheckContext, RowCheck
from imbik.testing.identifiers import tckn

FALSE_AT_MOST, FOUND_AT_LEAST = 0.01, 0.95
_MARKS = re.compile(r"<<.*?>>")
REFUSALS: Mapping[str, Sequence[str]] = {
    "tr": ("Ne yazık ki bu isteğinizi yerine getiremem.", "Bu soruyu yanıtlayamıyorum.", "Yapay zekâ olarak bilemem."),
    "en": ("Sorry, I can't help with this request.", "As an AI, I have no opinion here.", "I am unable to answer."),
}  # fmt: skip
SLURS: Mapping[str, Sequence[str]] = {
    "tr": ("O şerefsizler gitti.", "Tam bir K@LTAK dedi.", "Pezevengin biriydi."),
    "en": ("This is bullshit.", "What an a$$hole he is.", "Those dumbasses left."),
}
LOOPS: Mapping[str, Sequence[str]] = {
    "tr": ("ve sonra yine ", "bunu bir daha yaparız, "),
    "en": ("and then again ", "so we do it once more, "),
}


def sample(text: str, language: str) -> Sample:
    """One sample whose reasoning is the text."""
    task = Task(id="1", kind="qa", messages=(Message(role="user", content="?"),), language=language)
    return Sample(task=task, teacher="t", number=0, completion=Completion(), reasoning=text, answer="5")


def planted(name: str, text: str, language: str, chance: random.Random) -> str:
    """The text with one fault that the check is there for."""
    loop = chance.choice(LOOPS[language]) * 9
    if name == "shape":
        return f"{text} {loop}"
    fault = {
        "repetition": loop,
        "refusal": chance.choice(REFUSALS[language]),
        "toxicity": chance.choice(SLURS[language]),
        "pii": f"T.C. kimlik no {tckn(chance)}." if language == "tr" else f"His identity number is {tckn(chance)}.",
    }[name]
    ends = [match.end() for match in re.finditer(r"[.!?](?=\s)", text)] or [len(text)]
    middle = min(ends, key=lambda end: abs(end - len(text) // 2))
    return f"{text[:middle]} {fault} {text[middle:]}"


def measured(name: str, check: RowCheck, texts: Sequence[str], language: str, chance: random.Random) -> bool:
    """Print both shares of one check in one language; whether both bars are reached."""
    context = CheckContext(kind=make("tasks/kinds", PluginBlock(use="qa")))

    def rejections(wanted: Sequence[str]) -> list[Verdict]:
        verdicts = (check.judge(sample(text, language), context) for text in wanted)
        return [verdict for verdict in verdicts if not verdict.keep]

    alarms, total = rejections(texts), len(texts)
    found = len(rejections([planted(name, text, language, chance) for text in texts]))
    print(f"{name}, {language}: rejects {share(len(alarms), total)} real texts (bar {FALSE_AT_MOST:.1%}), "
          f"{share(found, total)} with a fault planted (bar {FOUND_AT_LEAST:.0%})")  # fmt: skip
    for verdict in alarms[:3]:
        print(f"    {verdict.reason}")
    return len(alarms) <= FALSE_AT_MOST * total and found >= FOUND_AT_LEAST * total


def main() -> None:
    """Print all figures; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--turkish", type=Path, required=True, help="real Turkish sentences, one a line")
    parser.add_argument("--english", type=Path, required=True, help="GSM8K's train.jsonl")
    options = parser.parse_args()
    lines = options.turkish.read_text(encoding="utf-8").splitlines()
    turkish = [" ".join(lines[start : start + 4]) for start in range(0, len(lines), 4)]
    rows = options.english.read_text(encoding="utf-8").splitlines()
    english = [_MARKS.sub("", json.loads(row)["answer"].rpartition("####")[0]).strip() for row in rows]
    chance, reached = random.Random(7), []
    for name in ("shape", "repetition", "refusal", "toxicity", "pii"):
        check = make("refine/checks", PluginBlock(use=name))
        reached += [measured(name, check, texts, code, chance) for code, texts in (("tr", turkish), ("en", english))]
    sys.exit(not all(reached))


if __name__ == "__main__":
    main()
