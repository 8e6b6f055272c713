"""The certificate that a data-protection officer files: one A4 page about what a run sent, in Turkish or English.

Enters: a run's folder and the operator's file. Leaves: HTML that points at nothing outside itself, or the same page as
PDF. The chain and its signed heads are checked first, and a run that proves nothing gets no certificate. Every value is
escaped by the template engine, and cut where it could push the page onto a second one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imbik import __version__
from imbik.core.errors import RunFolderError, UsageError
from imbik.privacy.account import Account, Way, account, contract_of
from imbik.privacy.certificate_words import WORDS, Words
from imbik.privacy.operator import Operator

if TYPE_CHECKING:
    from jinja2 import Environment
    from weasyprint.document import Document

LANGUAGES = tuple(WORDS)
_OUTCOMES = ("left", "collected", "blocked", "local", "stored", "here")
_MOST = 14  # items of the table that one page can hold
_LONGEST = 90  # characters of a value that somebody else chose


class Item(NamedTuple):
    """One line of the table: so many rows of a level, and what became of them. `when` is the first and last time at
    which rows had left before, in batches."""

    level: str
    outcome: str
    cleaned: str
    rows: int
    pushed: bool = False  # exports of a student, no rows
    when: tuple[str, ...] = ()


@dataclass(frozen=True)
class Destination:
    """One endpoint (or this machine) with its items."""

    place: str
    external: bool
    contract: str
    attestation: str
    country: str
    region: str
    addresses: tuple[str, ...]
    purposes: tuple[str, ...]
    items: tuple[Item, ...]

    @property
    def rows(self) -> int:
        """Rows that left for it, then all others: what sorts the table."""
        return sum(item.rows for item in self.items)


@dataclass(frozen=True)
class Certificate:
    """All that the page says."""

    run: str
    found: Account
    operator: Operator
    destinations: tuple[Destination, ...]
    made: datetime


def certify(folder: Path, run: str, operator: Operator, made: datetime | None = None) -> Certificate:
    """Check a run's chain and signed heads, and gather what the page says.

    Raises: RunFolderError when anything is off, or the run has no audit line: then there is nothing to certify.
    """
    found = account(folder, operator)
    if not found.head.n:
        raise RunFolderError(
            "this run has no audit line, so there is nothing to certify",
            where=str(folder),
            next="imbik privacy prove says whether it asked anybody",
        )
    places = dict.fromkeys(way.place for way in found.ways)
    destinations = sorted((_destination(found, place, operator) for place in places), key=_weight)
    return Certificate(run, found, operator, tuple(destinations), made or datetime.now(UTC))


def html_page(certificate: Certificate, language: str, limit: int = _MOST) -> str:
    """The page as HTML without scripts, links or images.

    Raises: UsageError for a language that there is not.
    """
    if language not in WORDS:
        raise UsageError(f"certificates are written in {' or '.join(WORDS)}, not in '{language}'")
    words = WORDS[language]
    shown, left_out = _shown(certificate.destinations, limit)
    anchor = certificate.found.anchor
    return (
        _environment()
        .get_template("certificate.html.j2")
        .render(
            t=words,
            language=language,
            c=certificate,
            found=certificate.found,
            anchor=anchor,
            standing=_standing(certificate.found, words, language),
            destinations=shown,
            more=len(left_out),
            more_rows=sum(item.rows for item in left_out),
            held=certificate.found.rows(lambda way: way.verdict == "blocked" and not way.pushed),
            nothing_to_leave=all(way.stayed for way in certificate.found.ways),
            declassified=certificate.found.rows(lambda way: way.declassified),
            purposes=lambda names: ", ".join(words.purpose_names.get(name, name) for name in names),
            number=lambda value: _number(value, language),
            date=lambda text: _moment(text, language),
            days=lambda times: " – ".join(_day(text, language) for text in times),
            version=__version__,
        )
    )


def pdf_page(certificate: Certificate, language: str) -> bytes:
    """The same as PDF on one A4 page.

    Raises: ModuleNotFoundError for weasyprint, which the extra `pdf` brings.
    """
    from weasyprint import HTML

    def drawn(limit: int) -> Document:
        return HTML(string=html_page(certificate, language, limit), url_fetcher=_nothing).render()

    best, fits, too_many = drawn(_MOST), 1, _MOST
    if len(best.pages) > 1:
        best = drawn(fits)
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            page = drawn(middle)
            if len(page.pages) == 1:
                best, fits = page, middle
            else:
                too_many = middle
    return bytes(best.write_pdf())


def _nothing(url: str, *_: object, **__: object) -> dict[str, object]:
    """Whatever a value may hold, the page fetches nothing."""
    raise ValueError(f"a certificate holds nothing from elsewhere ({url[:40]})")


def _destination(found: Account, place: str, operator: Operator) -> Destination:
    ways = [way for way in found.ways if way.place == place]
    kinds = sorted(
        {(way.sensitivity, way.outcome, way.cleaned, way.pushed) for way in ways},
        key=lambda kind: (_OUTCOMES.index(kind[1]), kind),
    )
    contract, listed = contract_of(found, place, operator)
    return Destination(
        place=place,
        external=any(way.left for way in ways),
        contract=contract,
        attestation="; ".join(dict.fromkeys(way.attestation for way in ways if way.local)),
        country=listed.country if listed else "",
        region=listed.region if listed else "",
        addresses=tuple(sorted(found.addresses[place])),
        purposes=tuple(sorted(found.purposes[place])),
        items=tuple(item for kind in kinds if (item := _item(found, ways, kind)).rows),
    )


def _item(found: Account, ways: Sequence[Way], kind: tuple[str, str, str, bool]) -> Item:
    """So many rows of one kind; one that had left before counts where the log does not show its leaving anyway."""
    these = {way for way in ways if (way.sensitivity, way.outcome, way.cleaned, way.pushed) == kind}
    if kind[1] != "collected":
        return Item(*kind[:3], found.rows(these.__contains__), kind[3])
    times = sorted(way.when for way in these)
    rows = found.left_before(these.__contains__, ways[0].place)
    return Item(*kind[:3], rows, when=tuple(dict.fromkeys((times[0][:10], times[-1][:10]))))


def _weight(destination: Destination) -> tuple[object, ...]:
    """Where rows left first, most rows first; this machine last."""
    here = all(item.outcome == "here" for item in destination.items)
    return not destination.external, here, -destination.rows, destination.place


def _shown(destinations: Iterable[Destination], limit: int) -> tuple[list[tuple[Destination, list[Item]]], list[Item]]:
    """As many items as the page holds, with their destinations, and those left out."""
    shown, left_out = list[tuple[Destination, list[Item]]](), list[Item]()
    for destination in destinations:
        room = limit - sum(len(items) for _, items in shown)
        if room > 0:
            shown.append((destination, list(destination.items[:room])))
        left_out += destination.items[max(room, 0) :]
    return shown, left_out


def _standing(found: Account, words: Words, language: str) -> str:
    """How far the log is signed."""
    if found.anchor is None:
        return words.unsigned
    if not (after := found.head.n - found.anchor.lines):
        return words.signed
    return words.partly.format(until=_number(found.anchor.lines, language), after=_number(after, language))


def _number(value: int, language: str) -> str:
    return f"{value:,}".replace(",", ".") if language == "tr" else f"{value:,}"


def _moment(text: str | datetime, language: str) -> str:
    """A time of the chain for people, with its zone; one that is no time stays as it is."""
    try:
        moment = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    except ValueError:
        return text if isinstance(text, str) else ""
    zone = moment.tzname() or ""
    return f"{moment:%d.%m.%Y %H:%M:%S} {zone}" if language == "tr" else f"{moment:%Y-%m-%d %H:%M:%S} {zone}"


def _day(text: str, language: str) -> str:
    """A day of the chain for people; one that is no day stays as it is."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    return f"{day:%d.%m.%Y}" if language == "tr" else text


def _inert(text: object, longest: int = _LONGEST) -> str:
    """Text that somebody else chose: no control or direction marks, and no more of it than the page holds."""
    plain = "".join(" " if unicodedata.category(mark)[0] in "CZ" else mark for mark in str(text))
    plain = " ".join(plain.split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("imbik.privacy", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inert"] = _inert
    return environment
