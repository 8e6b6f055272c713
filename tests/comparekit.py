"""What tests of comparisons share: rows with three systems' answers, and a person's choice as the page saves it."""

from __future__ import annotations

from typing import Any

from imbik.core.runfolder import RunFolder
from imbik.core.types import Task, Verdict
from imbik.review.duels import Duels
from imbik.review.preferences import PREFERENCES, Preference
from imbik.review.store import insert, reading
from stagekit import make_task

PAIR = ("student", "teacher")
SYSTEMS = [*PAIR, "baseline"]


def said_by_all(count: int, *, same: int = 0, **more: Any) -> list[tuple[Task, dict[str, str]]]:
    """Rows with three answers, on the first `same` of which student and teacher say the same word for word."""
    return [
        (
            make_task(f"s{n:02d}", **more),
            {
                "student": f"öğrenci {n}" if n >= same else f"ortak {n}",
                "teacher": f"usta {n}" if n >= same else f"ortak {n}",
                "baseline": f"ham {n}",
            },
        )
        for n in range(count)
    ]


def prefer(
    run: RunFolder, found: Duels, system: str, by: str = "ayşe", rows: int | None = None, left: str = ""
) -> None:
    """A person's choice on the first rows, as the page saves it; '' is a tie."""
    with reading(run) as base:
        assert base is not None
        insert(
            base,
            [
                Preference(
                    content=duel.content, row=duel.task.id, pair=duel.pair, prefers=system,
                    left=left or duel.pair[index % 2], verdict=Verdict(by=by, keep=True),
                )
                for index, duel in enumerate(found.duels[:rows])
            ],
            PREFERENCES,
        )  # fmt: skip
