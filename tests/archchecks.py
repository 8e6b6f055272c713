"""What is held to the code for every architecture: loading, kernel, packing, training, adapters, merging, generating.

Enters: a family of `archkit`. Leaves: a `Found`, one line of docs/architectures.md; a check that fails is an
AssertionError.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from archkit import FAMILIES, make_family
from imbik.core.plugins import PluginBlock, make
from imbik.core.questions import Sampling
from imbik.export.formats.safetensors import SafetensorsFormat
from imbik.models.engines.transformers import TransformersEngine
from imbik.models.head import HiddenTap, head_of
from imbik.models.load import load
from imbik.models.model import LanguageModel
from imbik.models.save import save
from imbik.models.tokens import encode_task_prompt
from imbik.train.batches import Layout, lay_out
from imbik.train.methods import Prepared
from imbik.train.module import StudentModule, trainable
from imbik.train.rows import Encoding, Row, encode
from trainkit import sums

STEPS, RATE = 6, 3e-3


@dataclass(frozen=True)
class Subject:
    """A family's name and folder, its rows as this tokenizer writes them, prompts of some of them."""

    name: str
    folder: Path
    rows: list[Row]
    prompts: list[list[int]]

    @classmethod
    def of(cls, name: str, folder: Path) -> Subject:
        """Make the family in `folder`."""
        model = load(make_family(name, folder))
        encoding = Encoding(model.tokenizer, model.tokenizer_hash, {}, "all", "answer", model.context)
        samples = sums(12)
        rows, rejected = encode([(sample, f"{sample.reasoning} {sample.answer}") for sample in samples], encoding)
        assert not rejected
        return cls(name, folder, rows, [encode_task_prompt(model.tokenizer, sample.task) for sample in samples[:3]])

    def model(self) -> LanguageModel:
        """The model, loaded anew."""
        return load(self.folder)


def losses(*names: str) -> list[Any]:
    return [make("train/losses", PluginBlock(use=name)) for name in names]


def value(module: StudentModule, rows: list[Row], layout: Layout) -> torch.Tensor:
    tokens = torch.tensor(float(sum(row.learned for row in rows)))
    found: torch.Tensor = module(**lay_out(rows, layout).tensors("cpu"), tokens=tokens)
    return found


def falls(module: StudentModule, rows: list[Row]) -> bool:
    """Whether a few steps on these rows bring the loss down."""
    optimizer = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=RATE)
    seen = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = value(module, rows, "packed")
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seen.append(float(loss.detach()))
    return seen[-1] < seen[0]


def close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return bool(np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max())


def logits(network: Any, prompts: list[list[int]]) -> np.ndarray:
    with torch.inference_mode():
        return np.concatenate([network(input_ids=torch.tensor([ids])).logits[0].numpy() for ids in prompts])


def check_kernel(subject: Subject, folder: Path) -> str:
    """The head that losses use gives the model's own logits."""
    network = subject.model().network
    with torch.no_grad():
        hidden = HiddenTap(network)(network, input_ids=torch.tensor([subject.prompts[0]]), use_cache=False)
    assert close(head_of(network).logits(hidden)[0].detach().numpy(), logits(network, subject.prompts[:1]))
    return "yes"


def check_packed(subject: Subject, folder: Path) -> str:
    """Value and gradient are the same whether rows are padded or packed."""
    module = StudentModule(subject.model().network.train(), losses("cross_entropy"))
    found = []
    for layout in ("padded", "packed"):
        module.zero_grad()
        loss = value(module, subject.rows, layout)  # type: ignore[arg-type]
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])
        found.append((float(loss.detach()), gradients))
    assert math.isclose(found[0][0], found[1][0], rel_tol=1e-5)
    assert float((found[0][1] - found[1][1]).norm() / found[0][1].norm()) < 1e-4
    return "yes"


def check_full(subject: Subject, folder: Path) -> str:
    """All weights learn the text and a teacher's distributions; the saved folder gives the trained logits."""
    model = subject.model()
    taught = with_logits(subject, folder)
    assert falls(StudentModule(model.network.train(), losses("cross_entropy", "forward_kl")), taught)
    model.network.eval()
    save(model, folder / "full")
    assert close(logits(load(folder / "full").network, subject.prompts), logits(model.network, subject.prompts))
    return "yes"


def with_logits(subject: Subject, folder: Path) -> list[Row]:
    """The rows with the distributions of another model of the same family, as an in_process teacher gives them."""
    teacher = TransformersEngine(load(make_family(subject.name, folder / "teacher", seed=1)))
    said = teacher.top_k([row.ids[:-1].tolist() for row in subject.rows], 16)
    return [
        replace(row, recall=lambda ids=ids, logprobs=logprobs, row=row: (ids[row.places], logprobs[row.places]))
        for row, (ids, logprobs) in zip(subject.rows, said, strict=True)
    ]


def check_lora(subject: Subject, folder: Path) -> str:
    """Adapters reach every matrix and learn; saved unmerged, and merged for other programs, they give their logits."""
    model = subject.model()
    prepared: Prepared = make("train/methods", PluginBlock(use="lora", raw={"r": 4})).prepare(model, seed=1)
    module = StudentModule(prepared.network.train(), losses("cross_entropy"))
    assert falls(module, subject.rows)
    assert all("lora_" in name for name in trainable(module))
    model.network = prepared.network.eval()
    wanted = logits(model.network, subject.prompts)
    assert "without" not in prepared.adapted
    assert not close(logits(subject.model().network, subject.prompts), wanted)
    save(model, folder / "lora", base=str(subject.folder))
    student = load(folder / "lora")
    assert close(logits(student.network, subject.prompts), wanted)
    form = SafetensorsFormat(SafetensorsFormat.Settings())
    form.write(student, folder / "merged", {})
    assert close(np.concatenate(form.logits(folder / "merged", subject.prompts)), wanted)
    return prepared.adapted.removeprefix("adapters on ").split(" matrices")[0]


def check_generates(subject: Subject, folder: Path) -> str:
    """Batched generation with a cache says what the logits of the whole text say, one token after the other."""
    model = subject.model()
    engine = TransformersEngine(model)
    made = engine.generate(subject.prompts, [Sampling(max_tokens=6)] * 3, seeds=[0] * 3)
    for prompt, answer in zip(subject.prompts, made, strict=True):
        ids = list(prompt)
        for token in answer.ids:
            assert int(logits(model.network, [ids])[-1].argmax()) == token
            ids.append(token)
    return "yes"


CHECKS = {"kernel": check_kernel, "packed": check_packed, "full": check_full, "generates": check_generates}


@dataclass(frozen=True)
class Found:
    """One line of the page."""

    title: str
    model_type: str
    tokenizer: str
    head: str
    lora: str

    def line(self) -> str:
        """As a row of the table."""
        return (
            f"| {self.title} | `{self.model_type}` | {self.tokenizer} | {self.head} | yes | yes | {self.lora} | yes |"
        )


def found(name: str, folder: Path) -> Found:
    """Try everything on a family.

    Raises: AssertionError for what does not hold.
    """
    subject = Subject.of(name, folder / "model")
    for check in CHECKS.values():
        check(subject, folder)
    config = subject.model().network.config
    family = FAMILIES[name]
    cap = getattr(config, "final_logit_softcapping", None)
    head = "tied" if config.tie_word_embeddings else "own"
    return Found(
        family.title, family.model_type, family.tokenizer, f"{head}, capped" if cap else head,
        check_lora(subject, folder),
    )  # fmt: skip
