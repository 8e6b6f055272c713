"""Capture from answers that are there already: a teacher's own log-probabilities of what it wrote.

Enters: kept samples whose completions hold log-probabilities (`top_logprobs:` of a chat API), the student's tokenizer.
Leaves: their distributions at the tokens that the student learns. Nobody is asked anything. An API tells tokens as
text, so each is looked up among the student's: a row is captured where its learned tokens are, one by one, those that
the teacher wrote, and at every one enough alternatives are known. The token that closes a turn has no log-probability:
nothing is said of the teacher there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from imbik.core.errors import RecipeError
from imbik.core.types import Sample, TokenLogprob
from imbik.models.logit_writer import LogitWriter
from imbik.models.logits import LogitRow, LogitSettings, LogitStore
from imbik.models.tokens import token_hash

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

    from imbik.capture.rows import CaptureRow

SILENT = "its answer has no log-probabilities"
OTHER = "the student learns other tokens than its teacher wrote"
FEW = "too few alternatives are known at some of its tokens"
BLOCK = 256


def capture_answered(
    folder: Path,
    name: str,
    tokenizer: PreTrainedTokenizerFast,
    settings: LogitSettings,
    wanted: Iterable[tuple[CaptureRow, Sample]],
) -> Counter[str]:
    """Write down what is known of rows that are not captured yet; why others were not.

    Raises: RecipeError where nothing could be.
    """
    writer, done = LogitWriter(folder, settings), LogitStore.open(folder)
    by_text, reasons, block = _by_text(tokenizer), Counter[str](), list[LogitRow]()
    for row, sample in wanted:
        if row.row in done:
            continue
        found = _row(row, sample.completion.logprobs, by_text, settings.top_k)
        if isinstance(found, str):
            reasons[found] += 1
        else:
            block.append(found)
        if len(block) == BLOCK:
            writer.append(block)
            block = []
    writer.append(block)
    if reasons and not len(LogitStore.open(folder)):
        raise RecipeError(
            f"no answer of teacher '{name}' could be captured: {reasons.most_common(1)[0][0]}",
            where="capture.source",
            next=f"ask with teachers.{name}.top_logprobs of at least {settings.top_k}, give the student the teacher's "
            "tokenizer, and let it learn the answers as they were written; or leave `capture:` out",
        )
    return reasons


def _row(row: CaptureRow, said: tuple[TokenLogprob, ...], by_text: dict[str, int], top_k: int) -> LogitRow | str:
    """The row's distributions, or why there are none."""
    import numpy as np

    if not said:
        return SILENT
    learned = [row.ids[place + 1] for place in row.places]
    written = [by_text.get(item.token, -1) for item in said]
    if learned[: len(written)] != written or len(learned) - len(written) > 1:
        return OTHER
    ids = np.tile(np.arange(top_k, dtype=np.uint32), (len(learned), 1))
    logprobs = np.full((len(learned), top_k), -np.inf, np.float32)
    for number, item in enumerate(said):
        known = {by_text[text]: value for text, value in ((item.token, item.logprob), *item.top) if text in by_text}
        best = sorted(known.items(), key=lambda pair: -pair[1])[:top_k]
        if len(best) < top_k:
            return FEW
        ids[number], logprobs[number] = [token for token, _ in best], [min(value, 0.0) for _, value in best]
    return LogitRow(row.row, token_hash(row.ids), ids, logprobs)


def _by_text(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    """Token ids by their text; texts that several tokens have (parts of letters) stand for none."""
    texts = [str(tokenizer.decode([token])) for token in range(len(tokenizer))]
    times = Counter(texts)
    return {text: token for token, text in enumerate(texts) if times[text] == 1 and "\ufffd" not in text}
