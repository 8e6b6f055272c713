"""Capture from a served teacher: every row's token ids go to a server that says how likely it finds each.

Enters: rows, the student's tokenizer. Leaves: their distributions in the store, a block at a time; replies lie beside
it until their block is written, so that nothing is paid twice. A row that the gate keeps here, or that the server could
not read, teaches by its text, and is counted with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from imbik.core.errors import RecipeError
from imbik.core.executor import blocks_of
from imbik.core.scores import ScoreRequest, TokenScores
from imbik.core.types import Message, Sensitivity
from imbik.models.agreement import disagreement
from imbik.models.logit_writer import LogitWriter
from imbik.models.logits import LogitRow, LogitSettings, LogitStore
from imbik.models.tokens import token_hash
from imbik.stage import Scores, StageContext

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from imbik.capture.rows import CaptureRow

BLOCK = 64
REPLIES = "scores.sqlite"
PURPOSE = "capture"


def capture_served(
    context: StageContext,
    name: str,
    tokenizer: PreTrainedTokenizerFast,
    settings: LogitSettings,
    wanted: Iterable[tuple[CaptureRow, Sensitivity]],
) -> Counter[str]:
    """Capture what is not captured yet; why rows were not.

    Raises: RecipeError for a server with another tokenizer or fewer alternatives; what ends the teacher.
    """
    if not isinstance(context.asker, Scores):
        raise RecipeError(f"teacher '{name}' cannot be asked about token ids", where="capture.teacher")
    writer, done = LogitWriter(context.folder, settings), LogitStore.open(context.folder)
    reasons: Counter[str] = Counter()
    agreed = False
    with context.asker.scoring(name, context.folder / REPLIES, purpose=PURPOSE) as scoring:
        for block in blocks_of(((row, level) for row, level in wanted if row.row not in done), BLOCK):
            found = scoring.score([_request(row, level, tokenizer, settings) for row, level in block])
            said = [scores for scores in found if scores.said]
            if said and not agreed:
                _check(name, tokenizer, said, settings.top_k)
                agreed = True
            rows = [row for row, _ in block]
            writer.append([_row(row, scores) for row, scores in zip(rows, found, strict=True) if scores.said])
            scoring.forget()
            reasons.update(scores.reason or scores.outcome.value for scores in found if not scores.said)
            context.progress.event("captured", rows=len(said))
    if reasons and not len(LogitStore.open(context.folder)):
        raise RecipeError(
            f"nothing could be captured from teacher '{name}': {reasons.most_common(1)[0][0]}",
            where="capture.teacher",
            next="name a server of your own (`local:` in the operator's file) or a model in this process, or leave "
            "`capture:` out and learn from the text",
        )
    return reasons


def _request(
    row: CaptureRow, level: Sensitivity, tokenizer: PreTrainedTokenizerFast, settings: LogitSettings
) -> ScoreRequest:
    return ScoreRequest(
        messages=(Message(role="user", content=str(tokenizer.decode(row.ids))),),
        row=row.row,
        sensitivity=level,
        tokens=tuple(row.ids),
        tokenizer=settings.tokenizer_hash,
        top_k=settings.top_k,
    )


def _row(row: CaptureRow, scores: TokenScores) -> LogitRow:
    """The distributions at the learned places; those of token i stand at i - 1, for nothing is said of the first."""
    import numpy as np

    ids, logprobs = np.array(scores.ids, np.uint32), np.array(scores.scores, np.float32)
    return LogitRow(row.row, token_hash(row.ids), ids[row.places], logprobs[row.places])


def _check(name: str, tokenizer: PreTrainedTokenizerFast, said: Sequence[TokenScores], wanted: int) -> None:
    """What makes the whole teacher useless is said at the first block."""
    width = min(len(scores.scores[0]) for scores in said)
    if width < wanted:
        raise RecipeError(
            f"teacher '{name}' gives {width} alternatives for a token, and {wanted} are wanted",
            where="capture.top_k",
            next=f"start the server with --max-logprobs {wanted}, or --set capture.top_k={width}",
        )
    pairs = [(ids[0], piece) for scores in said for ids, piece in zip(scores.ids, scores.pieces, strict=True)]
    if wrong := disagreement(tokenizer, pairs):
        raise RecipeError(
            f"teacher '{name}' has another tokenizer than the student: {wrong}",
            where="capture.teacher",
            next="name a server whose model has the student's tokenizer, or leave `capture:` out",
        )
