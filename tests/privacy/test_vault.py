"""The vault: names that hold, values that only the key brings back, and nothing left of what is forgotten."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from imbik.core.errors import RunFolderError
from imbik.privacy.trust import config_folder
from imbik.privacy.vault import Name, Vault

AYSE = "10000000146"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a vault lies."""
    return tmp_path / "runs" / "vault.sqlite"


def key_file() -> Path:
    """The only key there is."""
    (found,) = (config_folder() / "vault-keys").iterdir()
    return found


def bytes_of(path: Path) -> bytes:
    """The file with its log."""
    return b"".join(item.read_bytes() for item in path.parent.glob(path.name + "*"))


def test_a_value_has_one_name_for_ever_and_comes_back(path: Path) -> None:
    first = Vault(path)
    (name,) = first.names([("tckn", AYSE)])
    first.close()
    second = Vault(path)
    assert second.names([("tckn", "100 000 001 46"), ("tckn", AYSE)]) == [name, name]
    assert (name.label, len(name.digits)) == ("TCKN", 4)
    assert second.value(name.label, name.digits.lower()) == AYSE
    assert second.value("TCKN", "ZZZZ") is None


def test_the_file_gives_nothing_away_and_the_key_lies_elsewhere(path: Path) -> None:
    vault = Vault(path)
    vault.names([("tckn", AYSE), ("name", "Ayşe İpekçi")])
    held = bytes_of(path)
    assert AYSE.encode() not in held
    assert "İpekçi".encode() not in held
    assert key_file().read_bytes() not in held
    assert key_file().stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o777 == 0o600
    assert not key_file().is_relative_to(path.parent)


def test_two_values_never_share_a_name(path: Path) -> None:
    vault = Vault(path)
    names = vault.names([("tckn", f"kişi {number}") for number in range(3_000)])
    assert len({(name.label, name.digits) for name in names}) == 3_000
    assert any(len(name.digits) > 4 for name in names)  # where four digits meet, one more is taken


@pytest.mark.parametrize("time", range(10))
def test_threads_that_come_at_once_to_no_file_agree(path: Path, time: int) -> None:
    found: list[list[Name]] = []
    start = threading.Barrier(6)

    def work() -> None:
        vault = Vault(path)
        start.wait()
        found.append(vault.names([("name", f"kişi {number}") for number in range(10)]))
        vault.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(names == found[0] for names in found)


def test_a_lost_wrong_damaged_or_open_key_is_told(path: Path) -> None:
    vault = Vault(path)
    vault.names([("tckn", AYSE)])
    vault.close()
    file = key_file()
    kept = file.read_bytes()
    for change, what in (
        (lambda: file.unlink(), "cannot be read"),
        (lambda: file.write_bytes(bytes(32)), "not the one"),
        (lambda: file.write_bytes(b"kurz"), "damaged"),
        (lambda: (file.write_bytes(kept), file.chmod(0o644)), "others may read"),
    ):
        change()
        with pytest.raises(RunFolderError, match=what) as error:
            Vault(path).names([("tckn", AYSE)])
        assert error.value.next
        file.touch(mode=0o600)
        file.chmod(0o600)
    file.write_bytes(kept)
    assert Vault(path).names([("tckn", AYSE)])


def test_a_changed_value_and_a_foreign_file_are_told(path: Path) -> None:
    vault = Vault(path)
    (name,) = vault.names([("tckn", AYSE)])
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE names SET sealed = zeroblob(40)")
    with pytest.raises(RunFolderError, match="changed"):
        vault.value(name.label, name.digits)
    path.with_name("baska.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(RunFolderError):
        Vault(path.with_name("baska.sqlite")).names([("tckn", AYSE)])


def test_a_value_cannot_be_moved_under_another_name(path: Path) -> None:
    vault = Vault(path)
    first, second = vault.names([("tckn", "bir"), ("tckn", "iki")])
    with closing(sqlite3.connect(path)) as other, other:
        sealed = other.execute("SELECT sealed FROM names WHERE digits = ?", (first.digits,)).fetchone()[0]
        other.execute("UPDATE names SET sealed = ? WHERE digits = ?", (sealed, second.digits))
    with pytest.raises(RunFolderError, match="changed"):
        vault.value(second.label, second.digits)


def test_what_is_forgotten_is_gone_from_free_pages_and_the_log(path: Path) -> None:
    vault = Vault(path)
    name, other = vault.names([("name", "Ayşe İpekçi"), ("name", "Mehmet Öz")])
    with closing(sqlite3.connect(path)) as reader:
        row = reader.execute("SELECT value, sealed FROM names WHERE digits = ?", (name.digits,)).fetchone()
    assert row[1] in bytes_of(path)
    assert vault.forget(lambda value: "İpekçi" in value) == 1
    assert vault.value(name.label, name.digits) is None
    assert vault.value(other.label, other.digits) == "Mehmet Öz"
    vault.close()
    assert row[1] not in bytes_of(path)
    assert row[0] not in bytes_of(path)
