"""Who has which row before him just now, and which rows somebody has put aside: two more tables of `reviews.sqlite`.

Enters: a connection. Leaves: leases of rows, one a browser, given back when the last of its pages is closed and lapsing
where nobody could say so; rows put aside. They lie in the file and not in a server's memory, so that two servers of one
run do not hand out one row twice either.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Set
from typing import NamedTuple

SECONDS = 600.0
"""How long a row is kept for a browser that says nothing; its page says something once a minute."""
_TABLES = (
    "CREATE TABLE IF NOT EXISTS held (browser TEXT PRIMARY KEY, expert TEXT NOT NULL, content TEXT NOT NULL, "
    "until REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS pages (browser TEXT NOT NULL, page TEXT NOT NULL, until REAL NOT NULL, "
    "PRIMARY KEY (browser, page))",
    "CREATE TABLE IF NOT EXISTS aside (expert TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (expert, content))",
)


class Seat(NamedTuple):
    """A person at a browser; `page` is one of those that are open there, by a name that it gave itself."""

    person: str
    browser: str
    page: str = ""


class Held(NamedTuple):
    """What others hold: browsers by content, and the contents that the same person holds in another browser."""

    browsers: Mapping[str, Set[str]]
    own: Set[str]


def prepare(base: sqlite3.Connection) -> None:
    """Make the tables where they are not there."""
    for statement in _TABLES:
        base.execute(statement)


def held_by(base: sqlite3.Connection, browser: str, now: float) -> str:
    """The content that a browser holds; '' for none."""
    found = base.execute("SELECT content FROM held WHERE browser = ? AND until > ?", (browser, now)).fetchone()
    return str(found[0]) if found else ""


def held(base: sqlite3.Connection, seat: Seat, now: float) -> Held:
    """All that other browsers hold now."""
    browsers: defaultdict[str, set[str]] = defaultdict(set)
    own: set[str] = set()
    for browser, expert, content in base.execute("SELECT browser, expert, content FROM held WHERE until > ?", (now,)):
        if browser != seat.browser:
            browsers[content].add(browser)
            if expert == seat.person:
                own.add(content)
    return Held(browsers, own)


def on_pages(base: sqlite3.Connection, now: float) -> list[tuple[str, str]]:
    """Who has which content before him now. Only reads: a file that no desk has opened has no such table."""
    if base.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'held'").fetchone() is None:
        return []
    found = base.execute("SELECT expert, content FROM held WHERE until > ?", (now,))
    return [(str(expert), str(content)) for expert, content in found]


def hold(base: sqlite3.Connection, seat: Seat, content: str, now: float) -> None:
    """Keep this row for a browser, and no other one."""
    base.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)", (seat.browser, seat.person, content, now + SECONDS))
    _open(base, seat, now)


def _open(base: sqlite3.Connection, seat: Seat, now: float) -> None:
    base.execute("INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", (seat.browser, seat.page, now + SECONDS))


def renew(base: sqlite3.Connection, seat: Seat, content: str, now: float) -> bool:
    """The page is still open. False where the browser no longer holds the row."""
    _open(base, seat, now)
    changed = base.execute(
        "UPDATE held SET until = ? WHERE browser = ? AND content = ? AND until > ?",
        (now + SECONDS, seat.browser, content, now),
    )
    return changed.rowcount > 0


def leave(base: sqlite3.Connection, seat: Seat, now: float) -> None:
    """The page is closed. Its browser holds nothing more, unless the row is still before somebody there: in another
    tab, or in the page as it was loaded anew, whose question may have come before this word."""
    base.execute("DELETE FROM pages WHERE browser = ? AND (page = ? OR until <= ?)", (seat.browser, seat.page, now))
    if base.execute("SELECT 1 FROM pages WHERE browser = ?", (seat.browser,)).fetchone() is None:
        release(base, seat.browser)


def release(base: sqlite3.Connection, browser: str) -> None:
    """The browser holds nothing."""
    base.execute("DELETE FROM held WHERE browser = ?", (browser,))


def lapse(base: sqlite3.Connection, now: float) -> None:
    """Remove what nobody holds any more."""
    base.execute("DELETE FROM held WHERE until <= ?", (now,))
    base.execute("DELETE FROM pages WHERE until <= ?", (now,))


def put_aside(base: sqlite3.Connection, person: str, content: str) -> None:
    """Not now."""
    base.execute("INSERT OR IGNORE INTO aside VALUES (?, ?)", (person, content))


def take_back(base: sqlite3.Connection, person: str, content: str = "") -> None:
    """This one after all; without a content, all of them."""
    base.execute("DELETE FROM aside WHERE expert = ? AND (content = ? OR ? = '')", (person, content, content))


def aside(base: sqlite3.Connection, person: str) -> Set[str]:
    """What a person has put aside."""
    return {str(content) for (content,) in base.execute("SELECT content FROM aside WHERE expert = ?", (person,))}
