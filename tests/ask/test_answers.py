"""The answer store: durable, shared, leased, and never misread."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asking import stored_sensitivity
from imbik.ask import claims
from imbik.ask.answers import AnswerStore, Claim, Stored
from imbik.ask.schema import VERSION
from imbik.core.errors import DiskFullError, RunFolderError
from imbik.core.types import Sensitivity

PUBLIC, SPECIAL = Sensitivity.PUBLIC, Sensitivity.SPECIAL


def raw(body: bytes = b"{}", max_tokens: int = 10) -> Stored:
    """An answer as it came."""
    return Stored("http", body, max_tokens, 0.5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store lies."""
    return tmp_path / "answers.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[AnswerStore]:
    """An open store."""
    opened = AnswerStore(path)
    yield opened
    opened.close()


def test_an_answer_comes_back_as_it_came(store: AnswerStore, path: Path) -> None:
    assert store.submit(store.claim(b"k", PUBLIC)).result() is Claim.MINE
    assert store.submit(store.put(b"k", "t", raw(b"\x00\xff half a json"), PUBLIC)).result() == 1
    assert store.submit(store.claim(b"k", PUBLIC)).result() == raw(b"\x00\xff half a json")._replace(revision=1)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_highest_sensitivity_ever_seen_is_kept(store: AnswerStore, path: Path) -> None:
    store.submit(store.put(b"k", "t", raw(), PUBLIC)).result()
    store.submit(store.claim(b"k", SPECIAL)).result()
    store.submit(store.claim(b"k", PUBLIC)).result()
    assert stored_sensitivity(path, b"k") is SPECIAL
    store.submit(store.put(b"k", "t", raw(max_tokens=20), PUBLIC)).result()
    assert stored_sensitivity(path, b"k") is SPECIAL
    store.submit(store.put(b"j", "t", raw(), PUBLIC)).result()
    store.submit(store.raise_sensitivity(b"j", Sensitivity.INTERNAL)).result()
    assert stored_sensitivity(path, b"j") is Sensitivity.INTERNAL
    assert stored_sensitivity(path, b"missing") is None


def test_a_claim_holds_for_others_until_it_is_released_or_its_owner_closes(store: AnswerStore, path: Path) -> None:
    other = AnswerStore(path)
    assert store.submit(store.claim(b"k", PUBLIC)).result() is Claim.MINE
    assert other.submit(other.claim(b"k", PUBLIC)).result() is Claim.BUSY
    assert store.submit(store.claim(b"k", PUBLIC)).result() is Claim.MINE
    store.release(b"k")
    store.submit(store.claim(b"x", PUBLIC)).result()
    assert other.submit(other.claim(b"k", PUBLIC)).result() is Claim.MINE
    other.close()
    assert store.submit(store.claim(b"k", PUBLIC)).result() is Claim.MINE


def test_a_stored_answer_that_does_not_do_is_claimed_once_only(store: AnswerStore, path: Path) -> None:
    store.submit(store.put(b"k", "t", raw(max_tokens=10), PUBLIC)).result()
    other = AnswerStore(path)
    assert store.submit(store.claim(b"k", PUBLIC, beyond=1)).result() is Claim.MINE
    assert other.submit(other.claim(b"k", PUBLIC, beyond=1)).result() is Claim.BUSY
    assert store.submit(store.put(b"k", "t", raw(b"longer", 20), PUBLIC)).result() == 2
    store.release(b"k")
    found = other.submit(other.claim(b"k", PUBLIC, beyond=1)).result()
    assert isinstance(found, Stored)
    assert found.body == b"longer"
    assert other.submit(other.put(b"k", "t", raw(b"shorter", 5), PUBLIC)).result() == 2
    other.close()


def test_an_unreadable_answer_never_wins_against_a_readable_one(store: AnswerStore, path: Path) -> None:
    def put(body: bytes, limit: int, level: Sensitivity = PUBLIC, *, readable: bool = True, bad: int = 0) -> int:
        work = store.put(b"k", "t", raw(body, limit), level, readable=readable, bad=bad)
        return store.submit(work).result()

    def body() -> bytes:
        found = store.submit(store.claim(b"k", PUBLIC)).result()
        assert isinstance(found, Stored)
        return found.body

    assert put(b"garbage", 2048, readable=False) == 1
    assert put(b"more garbage", 2048, readable=False, bad=1) == 2
    assert put(b"good", 1024, bad=2) == 3  # a lower limit, but one can read it
    assert put(b"garbage again", 4096, SPECIAL, readable=False, bad=2) == 3
    assert body() == b"good"
    assert stored_sensitivity(path, b"k") is SPECIAL
    assert put(b"shorter", 512) == 3
    assert body() == b"good"


_HOLDER = """
import sys, time
from pathlib import Path
from imbik.ask.answers import AnswerStore, Stored
from imbik.core.types import Sensitivity
store = AnswerStore(Path(sys.argv[1]))
store.submit(store.put(b"paid", "t", Stored("http", b"paid for", 10, 0.1), Sensitivity.PUBLIC)).result()
print(store.submit(store.claim(b"k", Sensitivity.PUBLIC)).result(), flush=True)
time.sleep(600)
"""


def test_a_killed_owner_leaves_its_answers_and_loses_its_claims(store: AnswerStore, path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert b"MINE" in holder.stdout.readline()
    assert store.submit(store.claim(b"k", PUBLIC)).result() is Claim.BUSY
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert store.submit(store.claim(b"k", PUBLIC)).result() is Claim.MINE
    assert isinstance(store.submit(store.claim(b"paid", PUBLIC)).result(), Stored)


def test_elsewhere_the_last_sign_of_life_counts(
    store: AnswerStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_host", lambda: "another machine")
    other = AnswerStore(path)
    other.submit(other.claim(b"k", PUBLIC)).result()
    assert store.submit(store.claim(b"k", PUBLIC)).result() is Claim.BUSY
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE owners SET beat = ? WHERE host = 'another machine'", (time.time() - 61,))
    connection.close()
    assert store.submit(store.claim(b"k", PUBLIC)).result() is Claim.MINE
    other.close()


def test_a_store_of_another_version_is_refused(path: Path) -> None:
    AnswerStore(path).close()
    for version, what in ((VERSION + 1, "newer imbik"), (-1, "older than any")):
        with sqlite3.connect(path) as connection:
            connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        with pytest.raises(RunFolderError, match=what) as error:
            AnswerStore(path)
        assert str(path) in str(error.value)


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(RunFolderError, match="no answer store of imbik"):
        AnswerStore(path)
    assert path.read_bytes() == before


def test_a_damaged_store_says_what_to_do(path: Path) -> None:
    path.write_bytes(b"this is no database, it only looks long enough to be one" * 100)
    with pytest.raises(RunFolderError, match="damaged") as error:
        AnswerStore(path)
    assert "move the damaged file away" in str(error.value)


def test_damage_inside_is_found_when_it_is_met(path: Path) -> None:
    store = AnswerStore(path)
    for number in range(200):
        store.submit(store.put(b"%d" % number, "t", raw(b"a" * 2000), PUBLIC))
    store.close()
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 64] = b"\xff" * 64
    path.write_bytes(bytes(data))
    with pytest.raises(RunFolderError, match="damaged"):
        opened = AnswerStore(path)
        try:
            for number in range(200):
                opened.submit(opened.claim(b"%d" % number, PUBLIC)).result()
        finally:
            opened.close()


def test_a_full_disk_fails_the_group_and_keeps_what_was_there(path: Path) -> None:
    store = AnswerStore(path)
    store.submit(store.put(b"first", "t", raw(b"a" * 1000), PUBLIC)).result()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("answers.sqlite-wal").stat().st_size + 20_000, hard))
    try:
        with pytest.raises(DiskFullError, match="same command again"):
            store.submit(store.put(b"second", "t", raw(os.urandom(400_000)), PUBLIC)).result()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(store.submit(store.claim(b"first", PUBLIC)).result(), Stored)
    assert store.submit(store.put(b"second", "t", raw(), PUBLIC)).result() == 1
    store.close()


def test_commits_are_grouped(store: AnswerStore) -> None:
    started = time.process_time()
    futures = [store.submit(store.put(b"%d" % number, "t", raw(b"a" * 1000), PUBLIC)) for number in range(2_000)]
    for future in futures:
        future.result()
    assert time.process_time() - started < 1.5


def test_a_store_that_cannot_be_opened_is_no_traceback(path: Path) -> None:
    path.mkdir()
    with pytest.raises(RunFolderError, match="cannot be opened for writing"):
        AnswerStore(path)
