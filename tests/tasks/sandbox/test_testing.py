"""Programs against their references: asserts, and inputs with outputs."""

from __future__ import annotations

from imbik.core.types import Case, ProgramReference
from imbik.tasks.sandbox import Limits
from imbik.tasks.sandbox import tested as run_tests

LIMITS = Limits(seconds=5)
SUM = ProgramReference(tests=("assert topla(2, 3) == 5", "assert topla(-1, 1) == 0"))
DOUBLE = ProgramReference(cases=(Case(input="4\n", output="8"), Case(input="7\n", output="14\n")))


def test_asserts() -> None:
    assert run_tests("def topla(a, b):\n    return a + b", SUM, LIMITS).passed
    wrong = run_tests("def topla(a, b):\n    return a * b - 1", SUM, LIMITS)
    assert not wrong.passed
    assert wrong.which == "assert topla(-1, 1) == 0"
    missing = run_tests("def cikar(a, b):\n    return a - b", SUM, LIMITS)
    assert "NameError" in missing.why


def test_inputs() -> None:
    assert run_tests("print(int(input()) * 2, end='  \\n\\n')", DOUBLE, LIMITS).passed
    wrong = run_tests("print(8)", DOUBLE, LIMITS)
    assert (wrong.which, wrong.why) == ("input 2", "it prints '8' where '14' is wanted")
    assert "ValueError" in run_tests("int('x')", DOUBLE, LIMITS).why


def test_no_program_passes_nothing() -> None:
    assert not run_tests("  ", SUM, LIMITS).passed
