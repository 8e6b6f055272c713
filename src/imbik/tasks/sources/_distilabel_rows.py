"""What a row of a distilabel data set asks, and who answered it.

Enters: one row with distilabel's columns. Leaves: the row without its answers, and these as recorded answers under
their models' names, the best rated first. Looked for in this order: lists of answers (`generations`, and what
`GroupColumns` and `CombineColumns` call them), one `generation`, the `chosen` side of a preference pair, a `response`
with a `model_name` (Magpie), a conversation that ends with its answer (`FormatTextGenerationSFT`). What was rejected
in favour of another is nobody's answer to learn from: it is left out, and counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from imbik.core.types import Recorded
from imbik.tasks.conversation import content_text
from imbik.tasks.rows import BadRowError, Row, as_text

METADATA = "distilabel_metadata"
_LISTS = ("generations", "grouped_generation", "merged_generation", "generation")
_MODELS = ("generation_models", "grouped_model_name", "merged_model_name", "model_names", "model_name")
_PAIR = ("chosen", "rejected", "chosen_model", "rejected_model", "chosen_rating", "rejected_rating")
_CONSUMED = {*_LISTS, *_MODELS, *_PAIR, METADATA, "ratings", "rationales", "system_prompt", "prompt_id"}


class Answered(NamedTuple):
    """A row without its answers, and these; `missing` are null there, `rejected` lost a comparison."""

    row: Row
    recorded: tuple[Recorded, ...]
    missing: int
    rejected: int = 0


def answered(row: Row) -> Answered:
    """Answers taken out of a row.

    Raises: BadRowError where one is no text, or a conversation is none.
    """
    values = row.values
    kept: dict[str, object] = {
        name: value for name, value in values.items() if name not in _CONSUMED and not name.startswith("llm_")
    }
    if values.get("system_prompt"):
        kept["system"] = values["system_prompt"]
    if kept.get("prompt") == kept.get("instruction"):
        kept.pop("prompt", None)
    ended = _ended(values.get("messages"), "messages")
    if ended is not None:
        _ask(kept, ended[0])
    texts = next((found for name in _LISTS if (found := _listed(values.get(name)))), None)
    rejected = 0
    if texts is None and values.get("chosen") is not None:
        texts, rejected = [_chosen(values["chosen"], kept)], values.get("rejected") is not None
        models: Sequence[object] = [values.get("chosen_model")]
    else:
        models = next((found for name in _MODELS if (found := _listed(values.get(name)))), [])
    if texts is None and values.get("response") is not None and values.get("model_name"):
        texts = [kept.pop("response")]
    if texts is None:
        texts = [ended[1] if ended is not None else None]
    recorded = _named(_best_first(texts, models, _listed(values.get("ratings"))))
    return Answered(row._replace(values=kept), recorded, len(texts) - len(recorded), int(rejected))


def with_reference(values: Mapping[str, object], text: str) -> Mapping[str, object]:
    """The answer where a kind looks for a known one."""
    turns = values.get("messages")
    if isinstance(turns, list):
        return {**values, "messages": [*turns, {"role": "assistant", "content": text}]}
    return {**values, "output": text}


def _best_first(
    texts: Sequence[object], models: Sequence[object], ratings: Sequence[object]
) -> list[tuple[object, object]]:
    """Each answer with its model; by falling rating where each has one place for it, unrated ones last."""
    if len(models) != len(texts):
        models = [models[0] if len(models) == 1 else None] * len(texts)
    both = list(zip(texts, models, strict=True))
    if len(ratings) != len(texts):
        return both
    worth = [float(rating) if isinstance(rating, int | float) else float("-inf") for rating in ratings]
    return [both[place] for place in sorted(range(len(both)), key=lambda place: -worth[place])]


def _named(answers: Sequence[tuple[object, object]]) -> tuple[Recorded, ...]:
    """Answers that are there, under their models' names."""
    return tuple(
        Recorded(name=as_text(model, "model_name") or "distilabel", text=text)
        for value, model in answers
        if (text := as_text(value, "generation")).strip()
    )


def _chosen(value: object, kept: dict[str, object]) -> object:
    """The text that was chosen; a conversation also says what was asked."""
    if isinstance(value, str):
        return value
    ended = _ended(value, "chosen")
    if ended is None:
        raise BadRowError("no answer in 'chosen'", "it is neither text nor a conversation that ends with an answer")
    _ask(kept, ended[0])
    return ended[1]


def _ended(value: object, what: str) -> tuple[list[Mapping[str, object]], str] | None:
    """The turns before a conversation's last answer, and that answer; None where there is none."""
    if not isinstance(value, list) or not value or not all(isinstance(turn, Mapping) for turn in value):
        return None
    *asked, last = value
    return (asked, content_text(last.get("content"), what)) if last.get("role") == "assistant" else None


def _ask(kept: dict[str, object], turns: Sequence[Mapping[str, object]]) -> None:
    """Turns as the row's question, unless it is there as plain text already."""
    single = sum(turn.get("role") == "user" for turn in turns) == 1
    kept.pop("messages", None)
    if not (single and (kept.get("instruction") or kept.get("prompt"))) and turns:
        for name in ("instruction", "prompt", "system"):
            kept.pop(name, None)
        kept["messages"] = list(turns)


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
