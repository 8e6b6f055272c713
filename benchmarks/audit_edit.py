"""Claim: a one-byte edit anywhere in the audit log is detected, 1,000 of 1,000.

A run asks a fake teacher through the gate: rows that may leave, rows that may not, rows answered from the store, a
line torn by a crash. Its chain is signed. Then bytes are changed, put in or taken out at random places (every kind of
place is forced at least once: first and last byte, the torn line, the last line), one at a time, in audit.jsonl and in
anchors.jsonl. Each edit must be found twice: by what `imbik privacy prove` does and by the stand-alone verifier, which
needs no imbik. For some edits the two commands themselves are run, and must end with exit code 1.

Control: the unchanged files pass both checks before the first edit and after the last, so neither refuses everything.

    python benchmarks/audit_edit.py
"""

from __future__ import annotations

import argparse
import io
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from imbik.ask.engine import AskEngine
from imbik.core.errors import ImbikError
from imbik.core.executor import LocalExecutor
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Sensitivity
from imbik.privacy import verifier
from imbik.privacy.account import account
from imbik.privacy.anchor import FILE_NAME as ANCHORS
from imbik.privacy.anchor import add, head_to_sign, sign
from imbik.privacy.chain import FILE_NAME as CHAIN
from imbik.privacy.chain import HEAD_NAME
from imbik.privacy.operator import Operator
from imbik.privacy.signing import new_key
from imbik.recipe import build
from imbik.testing import FakeTeacher


class Run(NamedTuple):
    """A run whose audit chain is signed, and the operator who lists the key."""

    folder: Path
    operator: Operator
    file: Path

    def found_by_prove(self) -> bool:
        """Whether `imbik privacy prove` refuses the folder as it is now."""
        try:
            account(self.folder, self.operator)
        except ImbikError:
            return True
        return False

    def found_by_verifier(self) -> bool:
        """Whether the stand-alone verifier refuses the two files as they are now."""
        lines, anchors = (self.folder / CHAIN).read_bytes(), (self.folder / ANCHORS).read_bytes()
        keys = [key.encode() for key in self.operator.anchors]
        try:
            said = verifier.verdict(io.BytesIO(lines), anchors.splitlines(keepends=True), keys)
        except SystemExit:
            return True
        return "signed until" not in said

    def exit_codes(self) -> tuple[int, int]:
        """Of the two commands, each in a process of its own; the verifier's Python knows no imbik."""
        prove = ["-m", "imbik", "privacy", "prove", str(self.folder), "--operator", str(self.file)]
        alone = ["-I", verifier.__file__, str(self.folder / CHAIN), str(self.folder / ANCHORS), *self.operator.anchors]
        first, second = (subprocess.run([sys.executable, *words], capture_output=True) for words in (prove, alone))
        return first.returncode, second.returncode


def questions(count: int) -> list[Question]:
    """Of every level, so that rows leave and rows are held back."""
    levels = list(Sensitivity)
    return [
        Question(
            messages=(Message(role="user", content=f"{number}. soru"),),
            row=f"musteri-{number}",
            sensitivity=levels[number % len(levels)] if number % 3 == 0 else Sensitivity.PUBLIC,
        )
        for number in range(count)
    ]


def ask(folder: Path, url: str, asked: list[Question]) -> None:
    """Put questions to the teacher through the gate; the loopback is nobody's own here, so it counts as external."""
    recipe = build(
        {
            "name": folder.name,
            "tasks": {"source": "x.jsonl", "kind": "qa"},
            "teachers": {"b": {"use": "openai", "model": "m", "base_url": url}},
            "student": {"architecture": "llama"},
        }
    )
    engine = AskEngine(
        recipe=recipe,
        run=RunFolder(folder),
        executor=LocalExecutor(),
        progress=Progress(SilentReporter()),
        operator=Operator(),
    )
    with engine:
        for _ in engine.ask("b", asked, purpose="generation"):
            pass


def make_run(home: Path, rows: int) -> Run:
    """A run with a chain of every kind of line, signed twice."""
    folder = home / "runs" / "degisiklik"
    RunFolder(folder).create()
    public = new_key(home / "key.pem")
    file = home / "operator.yaml"
    file.write_text(f"anchors: ['{public}']\n")
    operator = Operator(anchors=(public,))
    with FakeTeacher() as teacher:
        ask(folder, teacher.base_url, questions(rows // 2))
        with (folder / CHAIN).open("ab") as stream:
            stream.write(b'{"n":99,"time":"2026-11-25T1')  # what a crash leaves
        ask(folder, teacher.base_url, questions(rows))
        add(folder, sign(head_to_sign(folder, folder.name).text(), home / "key.pem"), operator.anchors)
        ask(folder, teacher.base_url, questions(rows + 20))
    add(folder, sign(head_to_sign(folder, folder.name).text(), home / "key.pem"), operator.anchors)
    return Run(folder, operator, file)


def edits(whole: bytes, count: int, draw: random.Random) -> list[tuple[int, bytes]]:
    """So many different one-byte edits: where, and the file after it. First come the places that are forced."""
    torn = whole.find(b'"time":"2026-11-25T1\n') if b'"torn"' in whole else 0
    last_line = whole.rindex(b"\n", 0, -1) + 1
    forced = [0, len(whole) - 1, len(whole), torn + 3, last_line, len(whole) - 2]
    made, seen = list[tuple[int, bytes]](), {whole}
    while len(made) < count:
        at = forced.pop() if forced else draw.randrange(len(whole) + 1)
        kind = draw.choice(("change", "insert", "delete")) if at < len(whole) else "insert"
        byte = draw.choice((bytes([draw.randrange(256)]), b" ", b"\n", b'"'))
        after = whole[:at] + (byte if kind != "delete" else b"") + whole[at + (kind != "insert") :]
        if after not in seen:
            seen.add(after)
            made.append((at, after))
    return made


def tried(run: Run, name: str, count: int, typed: int, draw: random.Random) -> tuple[int, int, int]:
    """Edits of one file found by prove, by the verifier, and by both commands (of `typed` edits)."""
    path = run.folder / name
    whole = path.read_bytes()
    by_prove = by_verifier = by_commands = 0
    for number, (at, edited) in enumerate(edits(whole, count, draw)):
        path.write_bytes(edited)
        proved, verified = run.found_by_prove(), run.found_by_verifier()
        by_prove, by_verifier = by_prove + proved, by_verifier + verified
        if number < typed:
            by_commands += run.exit_codes() == (1, 1)
        if not (proved and verified):
            print(f"  missed: {name} at byte {at} (prove {proved}, verifier {verified})")
    path.write_bytes(whole)
    return by_prove, by_verifier, by_commands


def main() -> None:
    """Print what was found of what was changed, and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--typed", type=int, default=6, help="edits of each file for which the commands are run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw, good = random.Random(options.seed), True
    os.environ.pop("IMBIK_OPERATOR", None)
    with tempfile.TemporaryDirectory() as home:
        run = make_run(Path(home), options.rows)
        lines = (run.folder / CHAIN).read_bytes().count(b"\n")
        print(f"a run's audit log of {lines} lines, {(run.folder / CHAIN).stat().st_size:,} bytes, signed twice")
        passes = [not run.found_by_prove(), not run.found_by_verifier(), run.exit_codes() == (0, 0)]
        for name in (CHAIN, ANCHORS):
            proved, verified, typed = tried(run, name, options.edits, options.typed, draw)
            print(f"{name}: {proved:,} of {options.edits:,} edits found by prove, {verified:,} by the verifier")
            print(f"  as commands: {typed} of {options.typed} ended with exit code 1, both")
            good &= (proved, verified, typed) == (options.edits, options.edits, options.typed)
        (run.folder / HEAD_NAME).unlink()  # the signed heads hold the chain's end alone
        proved, verified, _ = tried(run, CHAIN, options.edits, 0, draw)
        print(f"without {HEAD_NAME}: {proved:,} of {options.edits:,} by prove, {verified:,} by the verifier")
        good &= (proved, verified) == (options.edits, options.edits)
        passes += [not run.found_by_prove(), not run.found_by_verifier(), run.exit_codes() == (0, 0)]
    print(f"control: the unchanged files pass {sum(passes)} of {len(passes)} times")
    raise SystemExit(0 if good and all(passes) else 1)


if __name__ == "__main__":
    main()
