"""Tiny random models on disk, for tests: any architecture imbik makes, with a trained tokenizer and a chat template.

Enters: a folder and a few sizes. Leaves: a model folder of some 10,000 weights that loads, generates, scores and trains
like a real one, in well under a second. The weights are random: the text is noise, the mechanics are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imbik.core.types import Sensitivity
from imbik.models.init import make
from imbik.models.model import LanguageModel
from imbik.models.save import save
from imbik.models.train_tokenizer import MIN_TASKS, train_tokenizer
from imbik.recipe.training import Student

TEXTS = (
    "Ayşe'nin 12 elması vardı, 5 tanesini kardeşine verdi. Kaç elması kaldı?",
    "12 - 5 = 7\nCevap: 7",
    "Kartım kayboldu, ne yapmalıyım? İade istiyorum, sipariş gelmedi.",
    "How many apples are left? The answer is short.",
    "Koliko jabolk je ostalo? Odgovor je kratek. Hány alma maradt? A válasz rövid.",
)


def make_tokenizer(
    folder: Path,
    *,
    texts: Sequence[str] = TEXTS,
    vocabulary: int = 320,
    classes: Sequence[str] = (),
    architecture: str = "",
) -> Path:
    """Train a tokenizer on `texts`, each counted as often as the rule about rare tokens asks; returns its folder."""
    pairs = [(str(task), text) for task in range(MIN_TASKS) for text in texts]
    folder.mkdir(parents=True, exist_ok=True)
    train_tokenizer(pairs, vocabulary=vocabulary, classes=classes, folder=folder, architecture=architecture)
    return folder


def make_model(
    folder: Path,
    *,
    architecture: str = "llama",
    texts: Sequence[str] = TEXTS,
    vocabulary: int = 320,
    classes: Sequence[str] = (),
    hidden_size: int = 16,
    layers: int = 2,
    heads: int = 2,
    context: int = 256,
    seed: int = 0,
    chat_template: str | None = None,
    sensitivity: Sensitivity = Sensitivity.PUBLIC,
    tokenizer: Path | None = None,
) -> LanguageModel:
    """Make a random model with its tokenizer in `folder` and return it as it was saved.

    `tokenizer` is the folder of one to use, else one is trained on `texts`; `chat_template` replaces its template.
    """
    source = tokenizer or make_tokenizer(
        folder / ".tokenizer", texts=texts, vocabulary=vocabulary, classes=classes, architecture=architecture
    )
    student = Student(
        architecture=architecture, hidden_size=hidden_size, layers=layers, heads=heads, context=context, seed=seed
    )
    model = make(student, source)
    if chat_template is not None:
        model.tokenizer.chat_template = chat_template
    model.sensitivity = sensitivity
    save(model, folder)
    model.folder = folder
    return model
