"""Claim: the check `language` rejects at least 99% of real texts in the other language and at most 0.5% of those in the
right one, and finds the change of language in 95% of texts whose last third or more is in the other.

Needs: a file of real Turkish sentences, one a line, and GSM8K's training solutions (English reasoning; the `<<…>>`
marks are removed). Texts of fewer than eight words are not judged, and counted apart. Mixed texts: three Turkish
sentences in a row and one English solution, and two of each the other way about; those whose end is shorter than a
third of the words are left out, for a fifth in another language is let pass by default. Turkish in capitals and
decomposed (NFD) must come out as it is. Printed: shares with 95% intervals (Wilson), and texts a CPU second.

    python benchmarks/language.py --turkish ../shared/data/turkish_text/boun_sentences.txt \\
        --english ../shared/data/gsm8k/train.jsonl
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.planting import share

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Message, Sample, Task
from imbik.refine.checks import CheckContext, RowCheck

FOUND_AT_LEAST, FALSE_AT_MOST, MIXED_AT_LEAST = 0.99, 0.005, 0.95
_WORD = re.compile(r"[^\W\d_]{2,}")
_MARKS = re.compile(r"<<.*?>>")


def sample(text: str, language: str) -> Sample:
    """One sample whose reasoning is the text."""
    task = Task(id="1", kind="qa", messages=(Message(role="user", content="?"),), language=language)
    return Sample(task=task, teacher="t", number=0, completion=Completion(), reasoning=text, answer="5")


def rejected(check: RowCheck, context: CheckContext, texts: Sequence[str], language: str) -> tuple[int, int]:
    """How many are rejected, and how many were judged at all."""
    verdicts = [check.judge(sample(text, language), context) for text in texts]
    return sum(not verdict.keep for verdict in verdicts), sum(verdict.score is not None for verdict in verdicts)


def ended(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Texts joined, where the second is at least a third of the words (runs of letters)."""
    return [f"{one} {end}" for one, end in pairs if 2 * len(_WORD.findall(end)) >= len(_WORD.findall(one))]


def main() -> None:
    """Print all figures; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--turkish", type=Path, required=True, help="real Turkish sentences, one a line")
    parser.add_argument("--english", type=Path, required=True, help="GSM8K's train.jsonl")
    options = parser.parse_args()
    lines = options.turkish.read_text(encoding="utf-8").splitlines()
    turkish = [line.strip() for line in lines if len(line.split()) >= 8]
    rows = options.english.read_text(encoding="utf-8").splitlines()
    english = [_MARKS.sub("", json.loads(row)["answer"]).rpartition("####")[0] for row in rows]
    context = CheckContext(kind=make("tasks/kinds", PluginBlock(use="qa")))
    check: RowCheck = make("refine/checks", PluginBlock(use="language"))
    rejected(check, context, turkish[:50], "en")  # the classifier is read once
    capitals = [line.replace("i", "İ").upper() for line in turkish]
    loose = [unicodedata.normalize("NFD", line) for line in turkish]
    mixed = ended([(" ".join(turkish[at : at + 3]), english[at]) for at in range(0, len(turkish) - 3, 3)])
    turned = ended([(" ".join(english[at : at + 2]), " ".join(turkish[at : at + 2])) for at in range(1000)])
    held = True
    began, judged = time.process_time(), 0
    for name, texts, language, bar in (
        ("Turkish, wanted English", turkish, "en", FOUND_AT_LEAST),
        ("English, wanted Turkish", english, "tr", FOUND_AT_LEAST),
        ("Turkish, wanted Turkish", turkish, "tr", -FALSE_AT_MOST),
        ("Turkish in capitals, wanted Turkish", capitals, "tr", -FALSE_AT_MOST),
        ("Turkish decomposed, wanted Turkish", loose, "tr", -FALSE_AT_MOST),
        ("English, wanted English", english, "en", -FALSE_AT_MOST),
        ("Turkish that ends in English", mixed, "tr", MIXED_AT_LEAST),
        ("English that ends in Turkish", turned, "en", MIXED_AT_LEAST),
    ):
        count, of = rejected(check, context, texts, language)
        judged += len(texts)
        held &= count <= -bar * of if bar < 0 else count >= bar * of
        limit = f"at most {-bar:.1%}" if bar < 0 else f"at least {bar:.0%}"
        print(f"{name}: rejected {share(count, of)}, bar {limit}; {len(texts) - of} too short to judge")
    print(f"{judged / (time.process_time() - began):,.0f} texts a CPU second")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
