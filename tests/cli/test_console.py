"""Tables: one line a row for a pipe, and nothing wider than the terminal for a person."""

from __future__ import annotations

from functools import partial
from io import StringIO
from types import SimpleNamespace

import pytest

from imbik.advise.models import LISTS, listing
from imbik.cli import console
from imbik.cli.console import table


class Terminal(StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of 80 columns."""
    made = Terminal()
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(console, "sys", SimpleNamespace(stdout=made))
    monkeypatch.setattr(console, "print", partial(print, file=made), raising=False)
    return made


@pytest.mark.parametrize("what", LISTS)
def test_a_piped_row_is_one_line(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = listing(what)
    table(found.head, found.rows)
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(found.rows)


@pytest.mark.parametrize("what", LISTS)
def test_no_line_is_wider_than_the_terminal_and_nothing_is_lost(what: str, narrow: Terminal) -> None:
    found = listing(what)
    table(found.head, found.rows)
    printed = narrow.getvalue()
    assert max(map(len, printed.splitlines())) <= 80
    together = "".join(printed.split())
    for row in found.rows:
        assert all("".join(cell.split()) in together for cell in row)
    assert printed.splitlines()[0].split()[0] == found.head[0]


def test_a_table_that_fits_stays_as_it_is(narrow: Terminal) -> None:
    table(["ad", "sayı", "boş"], [["İğne", "1", ""], ["ışık", "10", ""]])
    assert narrow.getvalue() == "  ad    sayı\n  İğne     1\n  ışık    10\n"
