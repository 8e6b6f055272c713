"""A local model that scores answers: a reward model, or a classifier of which one label's probability counts.

Enters: a folder of a sequence-classification model (safetensors only, no code from the folder), tasks and answers.
Leaves: a number for each: the reward where the model has one label (its logit, on whatever scale it was trained), else
the probability of the named label. A conversation is written by the chat template of the model's tokenizer; a tokenizer
without one gets question and answer as a pair of texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from imbik.core.errors import ModelError
from imbik.core.types import Task
from imbik.models.folder import check_folder, read_object
from imbik.models.load import load_tokenizer, quiet
from imbik.models.tokens import encode_row

_BATCH = 16
_LENGTHS = ("max_position_embeddings", "n_positions", "n_ctx")


def check_scorer(folder: Path, label: str) -> None:
    """Refuse what cannot score, without loading it.

    Raises: ModelError for a folder that is no whole, safe model, one without a classification head, and a label that it
        does not have, or that is not named.
    """
    check_folder(folder)
    config = read_object(folder / "config.json")
    heads = [str(name) for name in config.get("architectures") or ()]
    if not any(name.endswith("ForSequenceClassification") for name in heads):
        raise ModelError(
            f"this model scores nothing: it is {', '.join(heads) or 'of no named head'}", where=str(folder),
            next="name a reward model or a classifier (an architecture …ForSequenceClassification)",
        )  # fmt: skip
    labels = _labels(config)
    if len(labels) > 1 and label not in labels:
        told = f"has no label '{label}'" if label else "has several labels, and none is named"
        raise ModelError(
            f"this model {told} (there: {', '.join(labels)})", where=str(folder),
            next="say with `label:` of which one the probability counts",
        )  # fmt: skip
    if len(labels) == 1 and label:
        raise ModelError(
            f"this is a reward model with one number, so it has no label '{label}'", where=str(folder),
            next="leave `label:` out",
        )  # fmt: skip


class Scorer:
    """Loaded once, on the CPU; `score` gives a number for each, None for one that the model is too short to read."""

    def __init__(self, folder: Path, label: str = "") -> None:
        check_scorer(folder, label)
        self._tokenizer = load_tokenizer(folder)
        self._model = _network(folder)
        config = self._model.config
        labels = [config.id2label[number] for number in range(config.num_labels)]
        self._at = labels.index(label) if config.num_labels > 1 else 0
        if config.pad_token_id is None and self._tokenizer.pad_token_id not in (None, self._tokenizer.eos_token_id):
            config.pad_token_id = self._tokenizer.pad_token_id
        self._pad: int | None = config.pad_token_id  # without one the last token cannot be told from padding
        text = config.get_text_config()
        self.longest = next((int(found) for name in _LENGTHS if (found := getattr(text, name, None))), 2048)

    def score(self, tasks: Sequence[Task], answers: Sequence[str]) -> list[float | None]:
        """One for each; rows of like length go through the model together."""
        rows = [self.encode(task, answer) for task, answer in zip(tasks, answers, strict=True)]
        order = sorted((at for at in range(len(rows)) if len(rows[at]) <= self.longest), key=lambda at: len(rows[at]))
        found: list[float | None] = [None] * len(rows)
        size = _BATCH if self._pad is not None else 1
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            for at, value in zip(batch, self._forward([rows[at] for at in batch]), strict=True):
                found[at] = value
        return found

    def encode(self, task: Task, answer: str) -> list[int]:
        """What the model reads."""
        if self._tokenizer.chat_template:
            return encode_row(self._tokenizer, msgspec.structs.replace(task, template=""), answer, turns="last").ids
        question = "\n".join(message.content for message in task.messages)
        return list(self._tokenizer(question, answer)["input_ids"])

    def _forward(self, rows: Sequence[Sequence[int]]) -> list[float]:
        import torch

        width, pad = max(map(len, rows)), self._pad or 0
        ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        with torch.inference_mode():
            logits = self._model(input_ids=ids, attention_mask=mask).logits.float()
        if logits.shape[1] > 1:
            many = self._model.config.problem_type == "multi_label_classification"
            logits = logits.sigmoid() if many else logits.softmax(-1)
        return [float(value) for value in logits[:, self._at]]


def _labels(config: dict[str, Any]) -> list[str]:
    """The names of a model's labels; transformers writes them down unless there are two without a name."""
    named = config.get("id2label")
    if isinstance(named, dict) and named:
        return [str(named[key]) for key in sorted(named, key=int)]
    return [f"LABEL_{number}" for number in range(int(config.get("num_labels", 2)))]


def _network(folder: Path) -> Any:
    from transformers import AutoModelForSequenceClassification

    quiet()
    try:
        network, info = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype="float32", local_files_only=True, use_safetensors=True, trust_remote_code=False,
            output_loading_info=True,
        )  # fmt: skip
    except Exception as error:  # a damaged file fails in many libraries; the user gets one paragraph
        reason = str(error).split("\n")[0][:200] or type(error).__name__
        raise ModelError(f"this model cannot be loaded ({reason})", where=str(folder), next="copy it again") from None
    if missing := sorted(map(str, info["missing_keys"])):
        raise ModelError(
            f"weights are missing, such as {missing[0]}, and would be random", where=str(folder),
            next="the folder holds another model's weights, or one without a head: copy the right one",
        )  # fmt: skip
    return network.eval()
