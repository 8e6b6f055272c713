"""Text completions with `prompt_logprobs`, as a vLLM server writes them: how likely given token ids are.

Enters: a request's body and a scoring function. Leaves: the reply's body. `scores_of` makes the function of a model's
folder, so that a test sees over HTTP what the model itself says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imbik.core.errors import UsageError
from imbik.testing.chat import Chat
from imbik.testing.formats import Said

Position = Mapping[int, tuple[float, str]]
"""Token id to log-probability in nats and the token's text."""
Score = Callable[[Sequence[int], int], Sequence[Position]]
"""(n token ids, k) -> for each but the first, the k likeliest tokens and the one that stands there."""


class Completions(Chat):
    """`/v1/completions` for prompts of token ids."""

    name = "completions"

    def __init__(self, score: Score) -> None:
        self.score = score

    def messages(self, body: Mapping[str, Any]) -> list[dict[str, str]]:
        """The token ids as words."""
        return [{"role": "user", "content": " ".join(str(int(item)) for item in body["prompt"])}]

    def reply(self, body: Mapping[str, Any], said: Said, number: int) -> dict[str, Any]:
        """A completion of one token, with what the prompt's tokens are given."""
        tokens = [int(item) for item in body["prompt"]]
        wanted = body.get("prompt_logprobs")
        told = None if wanted is None else [None, *map(_entry, self.score(tokens, int(wanted)))]
        choice = {"index": 0, "text": said.text, "finish_reason": "length", "prompt_logprobs": told}
        return {
            "id": f"cmpl-{number}",
            "object": "text_completion",
            "model": body.get("model", ""),
            "choices": [choice],
            "usage": {"prompt_tokens": len(tokens), "completion_tokens": 1, "total_tokens": len(tokens) + 1},
        }


def _entry(position: Position) -> dict[str, Any]:
    ranked = sorted(position.items(), key=lambda item: -item[1][0])
    rank = {token: number for number, (token, _) in enumerate(ranked, 1)}
    return {
        # what has no probability cannot be written in JSON: vLLM says -9999
        str(token): {"logprob": value if math.isfinite(value) else -9999.0, "rank": rank[token], "decoded_token": piece}
        for token, (value, piece) in position.items()
    }


def scores_of(folder: Path) -> Score:
    """A scoring function that reads with the model in a folder, in float32 on the CPU.

    Raises: UsageError for a folder without a model.
    """
    if not (folder / "config.json").exists():
        raise UsageError("no model is here (there is no config.json)", where=str(folder), next="name a model's folder")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def score(tokens: Sequence[int], k: int) -> list[Position]:
        with torch.inference_mode():
            logprobs = torch.log_softmax(model(input_ids=torch.tensor([list(tokens)])).logits[0].float(), -1)
        found: list[Position] = []
        for place, token in enumerate(tokens[1:]):
            best = [token, *logprobs[place].topk(k).indices.tolist()]  # the prompt's own token comes first
            found.append({item: (float(logprobs[place, item]), str(tokenizer.decode([item]))) for item in best})
        return found

    return score
