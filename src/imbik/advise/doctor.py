"""Is this installation whole? What is here, what is missing for which extra, and the command that adds it.

Enters: nothing but this machine. Leaves: findings in order. No heavy library is imported: versions are read from their
installed metadata.
"""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal, cast

from imbik.core.plugins import GROUPS, available

EXTRAS = ("train", "data", "export", "studio", "ray", "pdf", "gguf", "presidio")
USES = {
    "train": "training, models in this process, evaluation",
    "data": "Parquet files and data sets of the hub",
    "export": "formats beyond safetensors",
    "studio": "pages in the browser",
    "ray": "several machines",
    "pdf": "certificates as PDF",
    "gguf": "GGUF files as teachers, run by llama.cpp",
    "presidio": "a further detector of personal data",
}
MODULES = {"sklearn": "scikit-learn"}  # modules that are not called as their package is
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")
_GB = 1_000_000_000
_LEAST_MEMORY, _LEAST_DISK = 2 * _GB, 2 * _GB


@dataclass(frozen=True)
class Finding:
    """One line of the examination; `missing` is fine until it is needed, `bad` is not; `mend` is the command."""

    name: str
    state: Literal["good", "missing", "bad"]
    detail: str
    mend: str = ""


def examine() -> list[Finding]:
    """All findings."""
    return [
        _python(),
        *_packages(),
        *_torch(),
        _memory(),
        _disk(),
        _plugins(),
        _embedded(),
        _browser(),
        _operator(),
        _keys(),
    ]


def _python() -> Finding:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("Python", "good", text)


def requirements(extra: str = "") -> list[str]:
    """Names of the packages of an extra ('' for the core), from imbik's own metadata."""
    found = []
    for line in requires("imbik") or []:
        condition = _EXTRA.search(line)
        name = _NAME.match(line)
        if name and (condition.group(1) if condition else "") == extra and name.group() != "imbik":
            found.append(name.group())
    return found


def extra_of(module: str) -> str:
    """The extra that brings a module, '' where none does."""
    name = MODULES.get(module, module.replace("_", "-"))
    return next((extra for extra in EXTRAS if name in requirements(extra)), "")


def _packages() -> Iterator[Finding]:
    """The core, then each extra: present, or what is missing and the command."""
    lacking = [name for name in requirements() if installed(name) is None]
    if lacking:
        yield Finding("core", "bad", f"missing: {', '.join(lacking)}", "pip install imbik")
    else:
        yield Finding("core", "good", f"{len(requirements())} packages")
    for extra in EXTRAS:
        lacking = [name for name in requirements(extra) if installed(name) is None]
        if not lacking:
            yield Finding(f"extra {extra}", "good", USES[extra])
        else:
            command = f"pip install 'imbik[{extra}]'"
            yield Finding(f"extra {extra}", "missing", f"{USES[extra]}: without {', '.join(lacking)}", command)


def installed(name: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _torch() -> Iterator[Finding]:
    """Which torch: a processor's wheel is a tenth of the size, and one for a GPU needs a driver."""
    found = installed("torch")
    if found is None:
        return
    if "+cpu" in found:
        yield Finding("torch", "good", f"{found}: for processors")
    elif shutil.which("nvidia-smi"):
        yield Finding("torch", "good", f"{found}: with a GPU's driver beside it")
    else:
        mend = "pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cpu"
        yield Finding("torch", "good", f"{found}: no GPU here; the processor's wheel would be smaller", mend)


def _memory() -> Finding:
    import psutil

    total, free = psutil.virtual_memory().total, psutil.virtual_memory().available
    text = f"{free / _GB:.1f} of {total / _GB:.1f} GB free, {psutil.cpu_count(logical=False) or 1} cores"
    if free < _LEAST_MEMORY:
        return Finding("memory", "bad", f"{text}: a small student needs about 2 GB", "close other programs")
    return Finding("memory", "good", text)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    text = f"{free / _GB:.1f} GB free under {Path.cwd()}"
    if free < _LEAST_DISK:
        return Finding("disk", "bad", text, "run elsewhere (--runs DIR), or: imbik gc")
    return Finding("disk", "good", text)


def _plugins() -> Finding:
    count = sum(len(available(group)) for group in GROUPS)
    state: Literal["good", "bad"] = "good" if count else "bad"
    return Finding("plug-ins", state, f"{count} found (imbik plugins)", "" if count else "reinstall imbik")


def _embedded() -> Finding:
    """The teacher and base student that ship with the package: without them `imbik demo` cannot run."""
    from imbik.core.errors import ModelError
    from imbik.models.folder import check_folder
    from imbik.models.load import resolve

    try:
        for name in ("embedded:teacher", "embedded:base"):
            check_folder(resolve(name, Path()))
    except ModelError as error:
        return Finding("embedded models", "bad", error.what, "reinstall imbik from a complete wheel")
    return Finding("embedded models", "good", "teacher and base student are here")


def _browser() -> Finding:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), "")
    if found:
        return Finding("browser", "good", found)
    return Finding("browser", "missing", "only the tests of pages need one", "apt-get install chromium")


def _operator() -> Finding:
    """Which operator's file holds here, if any."""
    from imbik.core.errors import OperatorFileError
    from imbik.privacy.operator import load_operator

    try:
        operator = load_operator(Path.cwd())
    except OperatorFileError as error:
        return Finding("operator's file", "bad", error.what, error.next)
    if operator.path is None:
        return Finding("operator's file", "good", "none: only public rows may leave this machine")
    return Finding("operator's file", "good", f"{operator.path} (sha256 {operator.hash[:12]}…)")


def _keys() -> Finding:
    """Whether a keyring is there to hold keys; none is read here."""
    import keyring
    from keyring.backends.fail import Keyring as NoKeyring

    backend = cast(object, keyring.get_keyring())
    if isinstance(backend, NoKeyring):
        return Finding("keyring", "missing", "none on this machine: keys come from the environment (OPENAI_API_KEY)")
    return Finding("keyring", "good", type(backend).__module__)
