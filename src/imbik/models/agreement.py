"""Whether a server reads token ids as our tokenizer writes them: by the text it gives for single tokens.

Enters: token ids with the text that the server says they are. Leaves: the first that means something else, where there
are too many to be habits of writing (a space before a word, half a character, a marker for it).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_MOST = 0.1  # share of tokens that may be written otherwise
_MARKS = str.maketrans("", "", " \u2581\u0120\u010a\n\t")


def disagreement(tokenizer: PreTrainedTokenizerFast, pairs: Iterable[tuple[int, str]]) -> str:
    """`token 312 is 'elma' here and 'and' there`, or '' where both sides agree on what can be compared."""
    compared, different = 0, []
    for token, theirs in pairs:
        if token >= len(tokenizer):
            return f"token {token} is said there, and there are {len(tokenizer)} here"
        ours = str(tokenizer.decode([token]))
        left, right = ours.translate(_MARKS), theirs.translate(_MARKS)
        if not left or not right or "\ufffd" in left + right or right.startswith("token_id:"):
            continue
        compared += 1
        if left != right:
            different.append(f"token {token} is {ours!r} here and {theirs!r} there")
    return different[0] if len(different) > _MOST * compared else ""
