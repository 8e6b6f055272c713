"""What is known of teachers and students, for a person who chooses: catalogues, terms and prices as tables.

Enters: which list. Leaves: its head and rows, and the same as records for another program. Everything shown has the
date it was true, with a star where it was compared with no source; what is not known stays empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from imbik.core.errors import UsageError
from imbik.core.misspelt import closest
from imbik.core.plugins import PluginBlock, load_plugin, presets, typed_settings
from imbik.teachers import ServedTeacher, TeacherContext
from imbik.teachers.catalogue.models import KnownStudent, KnownTeacher, known_students, known_teachers
from imbik.teachers.catalogue.prices import FREE, Price, list_price
from imbik.teachers.catalogue.tables import table
from imbik.teachers.catalogue.terms import Found, all_terms, terms_of_teacher

LISTS = ("teachers", "students", "terms", "prices")
_STARRED = re.compile(r"\d{4}-\d\d-\d\d\*")
_UNCERTAIN = {"at": "its name at these places"}
STAR = "* remembered: nothing was found to compare it with. `--json` says of each entry what it was compared with."


@dataclass(frozen=True)
class Listing:
    """One list: for a terminal, and as records (JSON-able)."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    records: Sequence[dict[str, Any]]
    note: str


def listing(what: str) -> Listing:
    """The list of that name.

    Raises: UsageError naming the lists.
    """
    made = {"teachers": _teachers, "students": _students, "terms": _terms, "prices": _prices}
    if what not in made:
        raise UsageError(f"there is no list '{what}'; {closest(what, list(LISTS))}", next="imbik models teachers")
    return made[what]()


def teacher_at(use: str, model: str) -> ServedTeacher:
    """The teacher that a recipe gets by these two words; where a resource's name is needed, one called `resource`."""
    plugin = load_plugin("teachers", use)
    more = {"resource": "resource"} if "resource" in plugin.Settings.model_fields else {}
    settings = typed_settings("teachers", PluginBlock(use=use, raw={"model": model, **more}))
    teacher = plugin(settings, TeacherContext(name=use, base=Path(), runs=Path()))
    assert isinstance(teacher, ServedTeacher)
    return teacher


def about(use: str) -> list[str]:
    """What is known of a served teacher's provider, for `imbik explain`: when its preset was true, terms, prices."""
    lines = []
    if preset := presets("teachers").get(use):
        lines.append(f"  as of {preset.date}: {preset.docs}")
        lines.append(f"  compared with: {preset.checked or 'nothing; it is remembered'}")
        lines += [f"  not compared with a source: {', '.join(preset.unchecked)}"] if preset.unchecked else []
    plugin = load_plugin("teachers", use)
    if not hasattr(plugin, "request") or "model" not in plugin.Settings.model_fields:
        return lines
    teacher = teacher_at(use, "?")
    lines += [f"  terms '{item.name}' ({item.use}): {item}" for item in terms_of_teacher(teacher).terms]
    provider = next((line for line in table("prices").values() if _host(teacher) in line["hosts"]), None)
    if provider:
        count = len(provider["models"])
        lines.append(f"  list prices of {count} models as of {provider['date']}: imbik models prices")
    elif teacher.price == FREE:
        lines.append("  a server of one's own: no price per token; the terms are those of the model it serves")
    else:
        lines.append("  no list prices are known: write price: {input: …, output: …} to hold a budget")
    return lines


def _teachers() -> Listing:
    rows, records = [], []
    for known in known_teachers().values():
        places = [_place(use, model) for use, model in known.at.items()]
        paid = next((place["price"] for place in places if place["price"]), None)
        terms = sorted({name for place in places for name in place["terms"]} | set(known.terms))
        cost = f"{paid['input']} / {paid['output']}" if paid else ""
        rows.append([known.name, known.maker, f"{known.context:,}", cost, ", ".join(terms), ", ".join(known.at)])
        rows[-1] += [_dated(known.date, known.checked), _remarks(known)]
        records.append({**_plain(known), "terms": terms, "at": places})
    head = ["teacher", "by", "context", "USD in / out", "terms", "use", "as of", "note"]
    note = "USD per million tokens at the first place with a list price. What the terms say: imbik models terms"
    return Listing(head, rows, records, _starred(note, rows))


def _starred(note: str, rows: Sequence[Sequence[str]]) -> str:
    """The note, with what a star means where one is shown."""
    return f"{note}\n{STAR}" if any(_STARRED.fullmatch(cell) for row in rows for cell in row) else note


def _dated(date: object, checked: str) -> str:
    """A date, with a star where nothing was compared."""
    return f"{date}" if checked else f"{date}*"


def _remarks(known: KnownTeacher | KnownStudent) -> str:
    parts = [known.note]
    if isinstance(known, KnownTeacher):
        parts += [_ended(known.until), f"then: {known.successor}" if known.successor else ""]
    uncertain = ", ".join(_UNCERTAIN.get(name, name) for name in known.uncertain)
    parts += [f"not checked: {uncertain}"] if uncertain else []
    return "; ".join(part for part in parts if part)


def _ended(until: date | None) -> str:
    """Until when it is offered, or that it is no longer."""
    if until is None:
        return ""
    return f"ENDED {until}" if until <= datetime.now(UTC).date() else f"until {until}"


def _place(use: str, model: str) -> dict[str, Any]:
    """Where a model can be asked, at which price and under which terms."""
    teacher = teacher_at(use, model)
    found: Found = terms_of_teacher(teacher)
    listed = list_price(_host(teacher), model)
    return {
        "use": use,
        "model": model,
        "price": _amounts(listed.price) if listed else None,
        "price_date": str(listed.date) if listed else None,
        "price_source": listed.source if listed else None,
        "terms": [item.name for item in found.terms],
    }


def _host(teacher: ServedTeacher) -> str:
    from yarl import URL

    return URL(teacher.url).host or ""


def _students() -> Listing:
    rows, records = [], []
    for known in known_students().values():
        terms = all_terms()[known.terms]
        rows.append([known.name, f"{known.parameters} B", f"{known.context:,}", terms.title, known.commercial])
        rows[-1] += [_dated(known.date, known.checked), _remarks(known)]
        records.append({**_plain(known), "licence": terms.title, "licence_source": terms.source})
    head = ["student", "parameters", "context", "licence", "commercial use", "as of", "note"]
    note = "Read the licence before you rely on it: imbik models terms has the addresses."
    return Listing(head, rows, records, _starred(note, rows))


def _terms() -> Listing:
    rows = [
        [item.name, item.use, item.says, _dated(item.date, item.checked), item.source] for item in all_terms().values()
    ]
    records = [{**_plain(item), "checked": item.checked} for item in all_terms().values()]
    note = "A summary by people who are no lawyers, true on the date shown; restricted ones need accept_terms: [NAME]."
    return Listing(["terms", "training on answers", "in short", "as of", "source"], rows, records, _starred(note, rows))


def _prices() -> Listing:
    rows, records = [], []
    for provider, line in table("prices").items():
        for model in line["models"]:
            price = Price.model_validate({"batch": line.get("batch"), **line["models"][model]})
            amounts, until = _amounts(price), line.get("until", {}).get(model)
            checked = "" if model in line.get("unchecked", ()) else line.get("checked", "")
            rows.append([model, provider, *(amounts[key] or "" for key in ("input", "output", "cached", "batch"))])
            rows[-1] += [_dated(line["date"], checked), str(until or "")]
            records.append({"provider": provider, "model": model, **amounts, "date": str(line["date"])})
            records[-1] |= {"source": line["source"], "checked": checked, "until": str(until) if until else None}
    head = ["model", "provider", "input", "output", "cached", "batch", "as of", "until"]
    note = "USD per million tokens; batch: share of the price; until: when it ends. A recipe's `price:` wins."
    return Listing(head, rows, records, _starred(note, rows))


def _amounts(price: Price) -> dict[str, str | None]:
    """A price's decimals as text, so that no reader makes floats of them."""
    values = price.model_dump()
    return {key: str(value) if isinstance(value, Decimal) else None for key, value in values.items() if key != "over"}


def _plain(record: object) -> dict[str, Any]:
    """A typed entry as JSON-able data."""
    return msgspec.json.decode(msgspec.json.encode(record), type=dict[str, Any])
