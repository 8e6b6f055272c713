"""Programs in Python: right is what passes its tests.

Enters: what a program should do, its tests, and an assistant's text. Leaves: the program apart from the words around
it: the last Python block that defines something, or that can be read where none does; what stands before is reasoning.
`tests` of a row are Python statements (`assert topla(2, 3) == 5`), or inputs with outputs, for programs that read and
print: `[{"input": "2 3", "output": "5"}]`. Programs run in `tasks.sandbox` alone.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping

import msgspec

from imbik.core.plugins import PluginSettings
from imbik.core.types import Case, Completion, Message, ProgramReference, Task
from imbik.tasks.asking import with_instruction, worded
from imbik.tasks.columns import CODE_SHAPES, QUESTION_SHAPES
from imbik.tasks.kinds import Reading
from imbik.tasks.markers import split_thought
from imbik.tasks.rows import BadRowError

_BLOCK = re.compile(
    r"^(?P<fence>`{3,})[ \t]*(?P<language>[\w+-]*)[^\n]*\n(?P<body>.*?)(?:^(?P=fence)[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
_PYTHON = {"", "python", "py", "python3"}
_LONGEST = 100_000
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_STEPS = {
    "tr": "Önce nasıl çözeceğini kısaca düşün. En sona, programın tamamını tek bir Python bloğu olarak yaz:\n"
    "```python\n<program>\n```",
    "en": "First think briefly how to solve it. At the end write the whole program as one Python block:\n"
    "```python\n<program>\n```",
    "sl": "Najprej na kratko razmisli, kako boš rešil nalogo. Na koncu napiši ves program kot en blok Python:\n"
    "```python\n<program>\n```",
    "hu": "Először gondold át röviden a megoldást. A végén írd le az egész programot egyetlen Python-blokkban:\n"
    "```python\n<program>\n```",
}
_NO_STEPS = {
    "tr": "Açıklama yapma, yalnızca programı bir Python bloğu olarak yaz:\n```python\n<program>\n```",
    "en": "Explain nothing, write only the program as a Python block:\n```python\n<program>\n```",
    "sl": "Ničesar ne razlagaj, napiši samo program kot blok Python:\n```python\n<program>\n```",
    "hu": "Ne magyarázz, csak a programot írd le egy Python-blokkban:\n```python\n<program>\n```",
}


class Code:
    """A program that passes its tests."""

    class Settings(PluginSettings):
        """code has no settings."""

    version = 1
    fields = (*CODE_SHAPES, *QUESTION_SHAPES)
    checks = ("shape", "runs", "duplicates", "leakage")
    metrics = ("pass_rate",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def reference(self, fields: Mapping[str, str]) -> ProgramReference | None:
        """The tests, and a program that passes them where a row has one.

        Raises: BadRowError for tests that are neither statements nor inputs with outputs.
        """
        tests, cases = _tests(fields.get("tests", ""))
        known = _read(Completion(answer=fields.get("answer", "")))
        if not (tests or cases or known.answer):
            return None
        reasoning = fields.get("reasoning", "").strip() or known.reasoning
        return ProgramReference(tests=tests, cases=cases, text=known.answer, reasoning=reasoning)

    def question(self, task: Task, *, reasoning: bool, instruction: str | None) -> tuple[Message, ...]:
        """The task, with how to write the program below its last turn."""
        if instruction is None:
            instruction = worded(_STEPS if reasoning else _NO_STEPS, task.language)
        return with_instruction(task.messages, instruction)

    def choices(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002 - the contract of kinds
        """Any program is allowed."""
        return ()

    def read(self, completion: Completion, task: Task) -> Reading:  # noqa: ARG002
        """What stands before the program, and the program."""
        return _read(completion)

    def render(self, reasoning: str, answer: str, task: Task) -> str:  # noqa: ARG002
        """Reasoning, then the program in a block whose fence is longer than any inside it."""
        longest = max((len(ticks) for ticks in re.findall(r"^`{3,}", answer, re.MULTILINE)), default=2)
        fence = "`" * (longest + 1)
        block = f"{fence}python\n{answer}\n{fence}"
        return f"{reasoning}\n\n{block}" if reasoning else block

    def canonical(self, answer: str, task: Task) -> str:  # noqa: ARG002
        """The program without comments and spacing; as it is where it cannot be read."""
        tree = _parsed(answer)
        return answer.strip() if tree is None else ast.unparse(tree)


def _read(completion: Completion) -> Reading:
    thought, shown = split_thought(completion.answer)
    blocks = [block for block in _BLOCK.finditer(shown) if block["language"].lower() in _PYTHON]
    trees = [_parsed(block["body"]) for block in blocks]
    ranks = [2 if _defines(tree) else tree is not None for tree in trees]
    if blocks:
        chosen = max(range(len(blocks)), key=lambda at: (ranks[at], at))
        before = shown[: blocks[chosen].start()].strip()
        return Reading(before or thought or completion.reasoning.strip(), blocks[chosen]["body"].strip("\n"))
    tree = _parsed(shown)
    bare = shown if tree is not None and not all(map(_is_word, tree.body)) else ""
    return Reading(thought or completion.reasoning.strip() or ("" if bare else shown), bare)


def _parsed(text: str) -> ast.Module | None:
    """The syntax tree of a program; None for what is none. Nothing of it is run."""
    if len(text) > _LONGEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _defines(tree: ast.Module | None) -> bool:
    return tree is not None and any(isinstance(statement, _DEFINES) for statement in tree.body)


def _is_word(statement: ast.stmt) -> bool:
    """`Ankara` and `42` can be read as Python, and are no programs."""
    return isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Call)


def _tests(text: str) -> tuple[tuple[str, ...], tuple[Case, ...]]:
    """Statements, or inputs with outputs, of a cell: a list as JSON, or statements as they stand."""
    if not text.strip():
        return (), ()
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        found = [text]
    if isinstance(found, dict) and isinstance(found.get("inputs"), list) and isinstance(found.get("outputs"), list):
        pairs = zip(found["inputs"], found["outputs"], strict=False)
        found = [{"input": one, "output": other} for one, other in pairs]
    if not isinstance(found, list) or not found:
        raise BadRowError("no tests", "tests are a list of statements, or of {input, output}")
    if all(isinstance(item, dict) and {"input", "output"} <= set(item) for item in found):
        return (), tuple(Case(input=str(item["input"]), output=str(item["output"])) for item in found)
    for item in found:
        if not isinstance(item, str) or not _parsed(item):
            raise BadRowError("no tests", f"'{str(item)[:60]}' is no statement of Python")
    return tuple(found), ()
