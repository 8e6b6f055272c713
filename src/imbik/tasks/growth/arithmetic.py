"""Arithmetic of templates, without Python's `eval`: numbers are exact fractions, days are dates.

Enters: an expression such as `anapara * oran * ay / 1200` or `son - ilk >= 30`, and values by name. Leaves: a fraction,
a date, a truth value or a text; nothing else can be named, called or reached. Division is exact: rounding is written
down (`round(x, 2)`, half up, as people round money).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import ceil, floor
from typing import Any

Value = Fraction | date | bool | str
LARGEST_POWER, LONGEST = 64, 400
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class ArithmeticFaultError(ValueError):
    """Why an expression has no value."""


def rounded(value: Fraction, places: Fraction = Fraction(0)) -> Fraction:
    """To so many decimals, half away from zero."""
    scale = 10 ** int(places)
    size = abs(value) * scale + Fraction(1, 2)
    return Fraction(floor(size), scale) * (1 if value >= 0 else -1)


_CALLS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "round": rounded,
    "floor": lambda value: Fraction(floor(value)),
    "ceil": lambda value: Fraction(ceil(value)),
    "year": lambda day: Fraction(day.year),
    "month": lambda day: Fraction(day.month),
    "day": lambda day: Fraction(day.day),
}


@lru_cache(maxsize=1024)
def parsed(expression: str) -> ast.expr:
    """The expression, checked to hold nothing but what is allowed.

    Raises: ArithmeticFaultError.
    """
    if len(expression) > LONGEST:
        raise ArithmeticFaultError(f"longer than {LONGEST} characters")
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ArithmeticFaultError(f"'{expression:.60}' is no expression") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _CALLS):
            raise ArithmeticFaultError(f"'{expression:.60}' calls something other than {', '.join(_CALLS)}")
        if not isinstance(node, _ALLOWED):
            raise ArithmeticFaultError(f"'{expression:.60}' holds {type(node).__name__}, which is no arithmetic")
    return tree


def names_in(expression: str) -> set[str]:
    """The slots that an expression reads."""
    return {node.id for node in ast.walk(parsed(expression)) if isinstance(node, ast.Name)} - set(_CALLS)


def value_of(expression: str, values: Mapping[str, Value]) -> Value:
    """What it comes to.

    Raises: ArithmeticFaultError for an unknown name, a division by zero, or things that do not go together.
    """
    try:
        return _settled(_value(parsed(expression), values))
    except ArithmeticFaultError:
        raise
    except ZeroDivisionError:
        raise ArithmeticFaultError(f"'{expression:.60}' divides by zero") from None
    except (TypeError, AttributeError, OverflowError, ValueError) as error:
        raise ArithmeticFaultError(f"'{expression:.60}' does not work out ({type(error).__name__})") from None


def _value(node: ast.AST, values: Mapping[str, Value]) -> Any:
    match node:
        case ast.Constant(value=bool() | str() as known):
            return known
        case ast.Constant(value=int() | float() as known):
            return Fraction(str(known))
        case ast.Name(id=name):
            if name not in values:
                raise ArithmeticFaultError(f"there is no slot '{name}'")
            return values[name]
        case ast.UnaryOp(op=sign, operand=inner):
            value = _value(inner, values)
            return not value if isinstance(sign, ast.Not) else -value
        case ast.BinOp(left=left, op=sign, right=right):
            sides = _value(left, values), _value(right, values)
            return _power(*sides) if isinstance(sign, ast.Pow) else _binary(sign, *sides)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _CALLS[name](*(_value(arg, values) for arg in args))
    return _decided(node, values)


def _decided(node: ast.AST, values: Mapping[str, Value]) -> Any:
    """Comparisons, `and`, `or`, and one of two values."""
    match node:
        case ast.BoolOp(op=sign, values=parts):
            return (all if isinstance(sign, ast.And) else any)(_value(part, values) for part in parts)
        case ast.Compare(left=left, ops=signs, comparators=others):
            sides = [_value(left, values), *(_value(other, values) for other in others)]
            return all(_COMPARE[type(sign)](*pair) for sign, pair in zip(signs, pairwise(sides), strict=True))
        case ast.IfExp(test=test, body=body, orelse=other):
            return _value(body if _value(test, values) else other, values)
    raise ArithmeticFaultError(f"{type(node).__name__} is no arithmetic")


def _binary(sign: ast.operator, left: Any, right: Any) -> Any:
    """Two values; a date moves by whole days, and two dates are so many days apart."""
    if isinstance(left, date) and isinstance(right, Fraction):
        right = timedelta(days=int(right))
    found = _BINARY[type(sign)](left, right)
    return Fraction(found.days) if isinstance(found, timedelta) else found


def _power(base: Any, exponent: Any) -> Any:
    if not isinstance(base, Fraction) or exponent.denominator != 1 or abs(exponent) > LARGEST_POWER:
        raise ArithmeticFaultError(f"a power is a whole number of at most {LARGEST_POWER}")
    return base ** int(exponent)


def _settled(found: Any) -> Value:
    if isinstance(found, int) and not isinstance(found, bool):
        return Fraction(found)
    if isinstance(found, Fraction | date | bool | str):
        return found
    raise ArithmeticFaultError(f"{type(found).__name__} is no value")


_ALLOWED = (
    ast.Constant, ast.Name, ast.Load, ast.UnaryOp, ast.USub, ast.Not, ast.BinOp, ast.Pow, *_BINARY, ast.BoolOp, ast.And,
    ast.Or, ast.Compare, *_COMPARE, ast.IfExp, ast.Call,
)  # fmt: skip
