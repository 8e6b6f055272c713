"""Erased rows and persons do not come back, and the list gives nothing away."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from imbik.core.errors import RunFolderError
from imbik.privacy.person import Person
from imbik.privacy.suppression import FILE_NAME, KEY_NAME, REASONS, Suppression, person_print, suppress

PERSON = Person(["Ayşe Yılmaz", "Ali Can", "12345678950"])


def listed(runs: Path) -> Suppression:
    """A list with one row and one person."""
    suppress(runs, rows=[("t1", "Kartım kayboldu!")], needles=PERSON.needles, why="forget", receipt="r1")
    return Suppression.load(runs)


def test_without_a_list_nothing_is_kept_out(tmp_path: Path) -> None:
    empty = Suppression.load(tmp_path)
    assert not empty
    assert empty.reason("t1", "x", ["Ayşe Yılmaz"]) == ""
    assert not list(tmp_path.iterdir())


def test_the_row_is_known_by_id_and_words(tmp_path: Path) -> None:
    found = listed(tmp_path)
    assert found.reason("t1", "kartım  KAYBOLDU", []) == REASONS["forget"]
    assert found.reason("t2", "Kartım kayboldu!", []) == ""
    assert found.reason("t1", "Kartım geldi", []) == ""


@pytest.mark.parametrize(
    "text",
    [
        "bir satır, AYŞE YILMAZ'dan",
        "Yılmaz Ayşe",
        "sor: ali can'a",
        "no: 123 456 789 50",
        "no: l234567895O",
        "Ayse Yilmazlar",
    ],
)
def test_the_person_is_known_in_any_row(tmp_path: Path, text: str) -> None:
    assert listed(tmp_path).reason("t9", "x", ["", text])


def test_others_come_in(tmp_path: Path) -> None:
    found = listed(tmp_path)
    assert not found.reason("t9", "x", ["Ayşe geldi, Alicante güzel, 12345678951", "Fatma Yılmaz"])


def test_the_list_holds_no_text_and_its_key_is_private(tmp_path: Path) -> None:
    listed(tmp_path)
    told = (tmp_path / FILE_NAME).read_text().lower()
    for word in ("ayşe", "ayse", "yilmaz", "kart", "t1", "12345"):
        assert word not in told
    assert stat.S_IMODE((tmp_path / KEY_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_twice_is_once(tmp_path: Path) -> None:
    listed(tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()
    rows = [("t1", "Kartım kayboldu!"), ("t2", "y")]
    assert suppress(tmp_path, rows=rows, needles=PERSON.needles, why="forget", receipt="r2") == 1
    assert (tmp_path / FILE_NAME).read_bytes().startswith(before)


def test_a_list_without_its_key_is_refused(tmp_path: Path) -> None:
    listed(tmp_path)
    (tmp_path / KEY_NAME).unlink()
    with pytest.raises(RunFolderError, match="come back unseen"):
        Suppression.load(tmp_path)
    with pytest.raises(RunFolderError, match="come back unseen"):
        suppress(tmp_path, rows=[("t3", "z")], needles=(), why="forget", receipt="r3")


def test_two_folders_name_one_person_differently(tmp_path: Path) -> None:
    one, two = (person_print(tmp_path / name, PERSON.needles) for name in ("a", "b"))
    assert one != two
    assert one == person_print(tmp_path / "a", PERSON.needles)
