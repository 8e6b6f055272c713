"""Taking a person's values out of the vault of pseudonyms.

Enters: a person, the texts of erased rows. Leaves: the placeholders that stand for them (an answer that repeats one is
about the person), and a vault without those values. Every value that stood in an erased row goes: that of another row
is named again from the key and the value when it is next needed. A vault whose key is lost is as good as erased: nobody
can read it; it is named.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imbik.core.errors import RunFolderError
from imbik.privacy.person import Person, squeezed
from imbik.privacy.vault import FILE_NAME, Vault

LOST = "vault.sqlite cannot be read (its key is lost or damaged), so what it may hold of the person was not looked for"


def placeholders(runs: Path, matches: Callable[[str], bool]) -> tuple[set[str], list[str]]:
    """`TCKN_3F2A` … of the values that match, and what could not be known."""
    if not (runs / FILE_NAME).exists():
        return set(), []
    vault = Vault(runs / FILE_NAME)
    try:
        return set(vault.placeholders(matches)), []
    except RunFolderError:
        return set(), [LOST]
    finally:
        vault.close()


def erase_values(runs: Path, matches: Callable[[str], bool]) -> int:
    """Take values out; returns how many."""
    if not (runs / FILE_NAME).exists():
        return 0
    vault = Vault(runs / FILE_NAME)
    try:
        return vault.forget(matches)
    except RunFolderError:
        return 0
    finally:
        vault.close()


def theirs(person: Person, texts: frozenset[str]) -> Callable[[str], bool]:
    """Whether a value is the person's, or stands in one of these (squeezed) texts of rows."""

    def matches(value: str) -> bool:
        bare = squeezed(value)
        return person.in_text(value) or (len(bare) >= 4 and any(bare in text for text in texts))

    return matches
