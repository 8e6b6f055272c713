"""What is put to a teacher or judge: the words, how an answer is drawn, and what the privacy gate found in them.

Enters: nothing. Leaves: records as in `core.types`, made where something is asked and read by the gate and by teachers;
what comes back is a Completion.
"""

from __future__ import annotations

from typing import Literal

from imbik.core.types import Message, Record, Recorded, Sensitivity, Task


class Sampling(Record, frozen=True, kw_only=True):
    """How an answer is drawn. `max_tokens` does not shape an answer (it only ends it), so it is no part of its key."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    max_tokens: int = 1024


Cleaned = Literal["", "pseudonymised", "redacted", "unaltered"]


class Inspected(Record, frozen=True, kw_only=True):
    """What is known of a question's words before they leave (privacy.gate).

    `marked` is the row's own level where detectors raised it, `found` names those detectors; `cleaned` says how
    identifiers were taken out (`unaltered`: none was found); `declassified` that two people let them go; `trouble` is
    why nothing may leave.
    """

    marked: Sensitivity | None = None
    found: tuple[str, ...] = ()
    cleaned: Cleaned = ""
    declassified: bool = False
    trouble: str = ""


class Question(Record, frozen=True, kw_only=True):
    """What is put to a teacher or judge: messages, how to draw, which of several samples, and for which row.

    `schema` is the text of a JSON schema that the answer has to fit; empty where any text will do. `task` is the task
    that it asks, where there is one: several teachers as one are routed by it, and their answers compared.
    `longer` are the limits under which it is put again, one after another, while its answer is cut off. `shown` are
    further rows whose words stand in it (the examples of a growth question): the audit names them too.
    """

    messages: tuple[Message, ...]
    row: str
    sensitivity: Sensitivity
    sampling: Sampling = Sampling()
    sample: int = 0
    choices: tuple[str, ...] = ()
    recorded: tuple[Recorded, ...] = ()
    schema: str = ""
    task: Task | None = None
    inspected: Inspected = Inspected()
    longer: tuple[int, ...] = ()
    shown: tuple[str, ...] = ()
