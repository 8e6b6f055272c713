"""Expressions that are more than one number (`2\\sqrt{3}`, `x^2+1`, `{1, 2}`), through math-verify and sympy.

Enters: an answer that `numbers.canonical_number` left alone. Leaves: a normal form, or None where the text is no
expression. math-verify ends slow work with an alarm signal, which exists in the main thread only. Here the alarm is our
own and counts processor time (a busy machine gives no other answers, and nobody's wall-clock alarm is disturbed); what
is known to explode is refused beforehand, in every thread.
"""

from __future__ import annotations

import logging
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from typing import Any

from imbik.tasks.numbers import DECIMAL_POINT, write_number

SECONDS = 5.0
LONGEST = 160

_WORD = re.compile(r"(?<![\\a-zA-Z])[^\W\d_]{2,}")
_FUNCTIONS = frozenset({"sqrt", "pi", "sin", "cos", "tan", "log", "ln", "exp", "or", "and", "text", "frac", "xy", "ab"})
_MATHEMATICAL = re.compile(r"[\d^√π\\]|[+*/=<>]")
_CLOCK = re.compile(r"\d\s*:\s*\d")
_EXPLOSIVE = re.compile(r"\^\s*[{(]?\s*-?\d{3,}|\^[^,;]*\^|\*\*|\d{3,}\s*!|!\s*!|\d{30,}|e\d{3,}", re.IGNORECASE)
_ROOT = re.compile(r"√\s*(?:\(([^()]*)\)|(\d+(?:\.\d+)?|[a-z]))")
_PLAIN_ROOT = re.compile(r"(?<!\\)\bsqrt\s*\(([^()]*)\)")
_lock = threading.Lock()


class _TooSlowError(Exception):
    """The alarm rang."""


def canonical_expression(text: str, language: str = "en") -> str | None:
    """The normal form of a formula, set, interval or equation (an equation `x = 5` is its right side), or None."""
    text = text.strip().strip("$").strip()
    if not text or len(text) > LONGEST or not _MATHEMATICAL.search(text) or _CLOCK.search(text):
        return None
    if _EXPLOSIVE.search(text) or any(word.lower() not in _FUNCTIONS for word in _WORD.findall(text)):
        return None
    return _canonical(text, language.split("-")[0] not in DECIMAL_POINT)


@lru_cache(maxsize=10_000)
def _canonical(text: str, decimal_comma: bool) -> str | None:
    if decimal_comma:
        text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    text = _ROOT.sub(lambda match: rf"\sqrt{{{match[1] or match[2]}}}", text)
    text = _PLAIN_ROOT.sub(r"\\sqrt{\1}", text).replace("π", r"\pi ")
    import math_verify  # noqa: F401 - imported outside the deadline, since importing takes a second of its own

    try:
        with _lock, _deadline(SECONDS):
            expression = _parse(text)
            return None if expression is None else _write(expression)
    except Exception:  # sympy raises whatever it likes on odd input; such an answer is compared as text
        return None


def _parse(text: str) -> Any:
    from math_verify import parse

    # We keep the time ourselves, so the warning that nobody does is not for our users.
    logging.getLogger("math_verify.parser").setLevel(logging.ERROR)
    found = parse(f"${text}$", parsing_timeout=None)
    return found[0] if found and not isinstance(found[0], str) else None


def _write(expression: Any) -> str:
    """A text that is equal for equal values: exact, expanded, simplified, elements of sets sorted."""
    import sympy

    if isinstance(expression, sympy.Eq) and expression.lhs.is_Symbol:
        return _write(expression.rhs)
    if isinstance(expression, sympy.FiniteSet):
        inner = sorted(_write(item) for item in expression.args)
        return inner[0] if len(inner) == 1 else "{" + ", ".join(inner) + "}"
    if isinstance(expression, sympy.Tuple | sympy.Interval | sympy.MatrixBase):
        return str(sympy.sstr(expression.doit()))
    value = sympy.nsimplify(expression.doit(), rational=True)
    if isinstance(value, sympy.Expr):
        value = sympy.simplify(sympy.expand(sympy.radsimp(value)))
        if value.is_Rational:
            return write_number(Fraction(int(value.p), int(value.q)))
    return str(sympy.sstr(value))


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise after `seconds` of processor time where signals work: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGVTALRM, _ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)


def _ring(_number: int, _frame: object) -> None:
    raise _TooSlowError
