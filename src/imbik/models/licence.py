"""The licence that a model's folder names.

Enters: a folder. Leaves: a name such as `apache-2.0`, or '' where nothing says. A model card says it in its first lines
(`license:`, and for `other` its `license_name:`); else the first words of a licence file are told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from imbik.models.folder import CONFIG, read_base, read_object

_CARDS = ("README.md", "MODEL_CARD.md")
_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "USE_POLICY.md")
_LONGEST = 40


def licence_of(folder: Path) -> str:
    """What the folder says; of an adapter, what its base says too."""
    own = _card(folder) or str(read_object(folder / CONFIG).get("license", "") if (folder / CONFIG).exists() else "")
    own = own or _file(folder)
    base = read_base(folder)
    under = licence_of(Path(base)) if base is not None and Path(base).is_dir() else ""
    return own if not under or under == own else " over ".join(part for part in (own, under) if part)


def _card(folder: Path) -> str:
    """`license` of a card's front matter; `license_name` where that is `other`."""
    for name in _CARDS:
        text = _text(folder / name)
        if not text.startswith("---"):
            continue
        try:
            found: Any = yaml.safe_load(text.split("---", 2)[1])
        except yaml.YAMLError:
            continue
        if isinstance(found, dict):
            said = str(found.get("license") or "")
            return str(found.get("license_name") or said) if said in ("other", "") else said
    return ""


def _file(folder: Path) -> str:
    """The first line with words of a licence file."""
    for name in _FILES:
        lines = (line.strip(" #*=\t") for line in _text(folder / name).splitlines())
        if first := next((line for line in lines if any(map(str.isalpha, line))), ""):
            return first if len(first) <= _LONGEST else first[: _LONGEST - 1] + "…"
    return ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
