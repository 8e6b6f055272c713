"""Whether a program does what its task wants: its tests, or what it prints for given inputs.

Enters: a program and the task's reference. Leaves: how many tests passed and, of the first that did not, why. Every
test of a program runs in one process, every input in one of its own; white space at line ends does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from imbik.core.types import ProgramReference
from imbik.tasks.sandbox.running import Limits, run


@dataclass(frozen=True)
class Tested:
    """Whether all passed; else which, as it stands in the reference, and why not."""

    passed: bool
    which: str = ""
    why: str = ""


@lru_cache(maxsize=4096)
def tested(source: str, reference: ProgramReference, limits: Limits) -> Tested:
    """Run a program against its reference; without tests it only has to end well. The same pair is run once a process.

    Raises: ImbikError where nothing can be run here (see `running`).
    """
    if not source.strip():
        return Tested(False, "", "there is no program")
    if not reference.tests and not reference.cases:
        ran = run(source, limits=limits)
        return Tested(ran.ended, "", ran.why)
    if reference.tests:
        ran = run(source, tests=reference.tests, limits=limits)
        if not ran.passed:
            which = reference.tests[ran.test] if ran.test is not None and ran.test < len(reference.tests) else ""
            return Tested(False, which, ran.why or "it ended before its tests were through")
    for number, case in enumerate(reference.cases, start=1):
        ran = run(source, given=case.input, limits=limits)
        if not ran.ended:
            return Tested(False, f"input {number}", ran.why)
        if _lines(ran.output) != _lines(case.output):
            return Tested(
                False,
                f"input {number}",
                f"it prints '{ran.output.strip():.80}' where '{case.output.strip():.80}' is wanted",
            )
    return Tested(True)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]
