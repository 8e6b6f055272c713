"""Who may import whom, read from the source; and what importing imbik must not pull in."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imbik.core.plugins import GROUPS

SOURCE = Path(__file__).resolve().parent.parent / "src" / "imbik"
STAGES = ("generate", "refine", "review", "capture", "train", "export", "evaluate")
ORDER = [
    ("core",),
    ("recipe", "privacy", "web"),
    ("models",),
    ("teachers",),
    ("ask",),
    ("stage",),
    ("tasks",),
    ("judge",),
    STAGES,
    ("pipeline",),
    ("exchange",),
    ("scale", "search", "embedded", "advise"),
    ("serve", "jobs"),
    ("studio", "azure", "olive"),
    ("cli",),
    ("__main__",),
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
HEAVY = (
    "torch",
    "transformers",
    "pandas",
    "sklearn",
    "matplotlib",
    "datasets",
    "pyarrow",
    "peft",
    "accelerate",
    "scipy",
)


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the package by dotted name."""
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(name: str, path: Path, *, at_import_time: bool) -> Iterator[str]:
    """Dotted names that a module imports, relative ones made absolute; without those for type checkers only."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in _statements(ast.parse(path.read_text(encoding="utf-8")), at_import_time):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            root = ".".join([*base, *([node.module] if node.module else [])])
            yield root
            yield from (f"{root}.{alias.name}" for alias in node.names)


def _statements(tree: ast.AST, at_import_time: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from (inner for part in node.orelse for inner in _statements(part, at_import_time))
            continue
        if at_import_time and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield node
        yield from _statements(node, at_import_time)


def part(name: str) -> str:
    """`imbik.refine.stage` belongs to `refine`."""
    return name.split(".")[1] if name.startswith("imbik.") else ""


MODULES = list(modules())
NAMES = {name for name, _ in MODULES}


def test_the_right_may_import_the_left_never_the_reverse() -> None:
    wrong = []
    for name, path in MODULES:
        own = part(name)
        for found in imports(name, path, at_import_time=False) if own not in {"", "testing"} else ():
            other = part(found)
            if other in {"", own} or f"imbik.{other}" not in NAMES:
                continue
            allowed = own == "cli" if other == "testing" else RANK[other] < RANK[own]
            if not allowed:
                wrong.append(f"{name} imports {found}")
    assert not wrong, f"the order is {' -> '.join('/'.join(names) for names in ORDER)}"


def test_every_package_has_its_place_in_the_order() -> None:
    parts = {part(name) for name, _ in MODULES} - {"", "testing"}
    assert parts <= set(RANK), f"say in ORDER where {sorted(parts - set(RANK))} stand"


def test_heavy_libraries_are_loaded_when_they_are_used() -> None:
    """Modules built on torch may import it at their top; what is looked at without being run must not reach them."""
    found = {name: set(imports(name, path, at_import_time=True)) for name, path in MODULES}
    heavy = {name for name, wanted in found.items() if {item.split(".")[0] for item in wanted} & set(HEAVY)}
    while more := {name for name in found.keys() - heavy if found[name] & heavy}:
        heavy |= more
    groups = {f"imbik.{group.replace('/', '.')}." for group in GROUPS}
    light = (
        "imbik.core.",
        "imbik.recipe.",
        "imbik.privacy.",
        "imbik.ask.",
        "imbik.tasks.",
        "imbik.pipeline.",
        "imbik.advise.",
    )
    looked_at = {name for name in heavy if name.endswith(".stage") or name.startswith(("imbik.cli.", *light, *groups))}
    assert not looked_at


def run_python(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


CHECK = f"; import sys; print(sorted(set({HEAVY!r}) & set(sys.modules)))"


@pytest.mark.parametrize(
    "code",
    [
        "import imbik",
        "import imbik; imbik.Recipe; imbik.run",
        "import imbik.cli.main as m; m.application()",
        "import imbik.pipeline, imbik.advise.init, imbik.advise.diagnose, imbik.serve.chat, imbik.serve.predict",
    ],
)
def test_importing_pulls_in_nothing_heavy(code: str) -> None:
    assert run_python(code + CHECK).strip() == "[]"


def test_public_names_are_there() -> None:
    import imbik

    for name in imbik.__all__:
        assert getattr(imbik, name) is not None
    assert dir(imbik) == sorted(imbik.__all__)
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        imbik.rnu  # noqa: B018
