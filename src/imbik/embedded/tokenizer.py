"""The tokenizer of the embedded models: byte-level BPE with single digits, trained on our own problems.

Enters: a vocabulary size and a seed. Leaves: a fast tokenizer with four special tokens and a chat template.
Names and things of the training text are replaced by invented ones first, so that none of them becomes a token
of its own: a name never met is then spelled with the same common pieces as a known one. A digit is one token,
with or without the space before it, so that a two-digit number costs two tokens.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imbik.tasks.problems.generator import draw_facts, tell
from imbik.tasks.problems.streams import document
from imbik.tasks.problems.themes import FAMILIES
from imbik.tasks.problems.turkish import Name, Noun, capitalise

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, USER, ASSISTANT, END = "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"
SPECIAL = (PAD, USER, ASSISTANT, END)
CHAT_TEMPLATE = (
    "{%- set ns = namespace(system='') -%}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'system' -%}{%- set ns.system = ns.system + message['content'] + '\\n' -%}"
    "{%- elif message['role'] == 'assistant' -%}"
    "{{- '<|assistant|>' -}}{%- generation -%}{{- message['content'] + '<|end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- '<|user|>' + ns.system + message['content'] + '<|end|>' -}}{%- set ns.system = '' -%}"
    "{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
ONSETS = "b c ç d f g h k l m n p r s ş t v y z".split() + [""] * 4
CODAS = ["", "", "", *"l m n r s ş t k z".split()]
DIGIT = " ?[0-9]"


def invented(rng: random.Random, syllables: int) -> str:
    """A word of our own that sounds Turkish: vowels agree in being front or back."""
    vowels = rng.choice(("aıou", "eiöü"))
    return "".join(rng.choice(ONSETS) + rng.choice(vowels) + rng.choice(CODAS) for _ in range(syllables))


def invented_problem(rng: random.Random) -> tuple[str, str]:
    """A pool problem about invented names and things, with its solution."""
    plot = rng.choice([plot for family in FAMILIES for plot in family.plots])
    drawn = draw_facts(plot, "pool", rng)
    names = [Name(capitalise(invented(rng, 2))) for _ in range(3)]
    things = [Noun(invented(rng, rng.choice((2, 2, 3)))) for _ in range(2)]
    text = tell(rng.choice(plot.seen), drawn, names, things, rng)
    return text, " ".join(step.text for step in drawn.steps) + f"\nCevap: {drawn.answer}"


def training_text(count: int, seed: int) -> Iterator[str]:
    """`count` problems with their solutions, told about invented names and things, and plain documents between."""
    rng = random.Random(f"tokenizer/{seed}")
    for index in range(count):
        yield from invented_problem(rng)
        if index % 4 == 0:
            yield document("arithmetic", index, seed)


def train_tokenizer(vocabulary: int = 600, count: int = 20_000, seed: int = 1) -> PreTrainedTokenizerFast:
    """Train the tokenizer; its first four ids are pad, user, assistant and end."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(DIGIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        min_frequency=count // 400,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    core.train_from_iterator(training_text(count, seed), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        model_max_length=512,
        additional_special_tokens=[USER, ASSISTANT],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


__all__ = ["ASSISTANT", "END", "PAD", "SPECIAL", "USER", "train_tokenizer"]
