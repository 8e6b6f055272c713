"""A tokenizer trained on a run's own text: byte-level BPE, one token a digit, its own chat template.

Enters: texts with the task each belongs to, the size wanted, class labels. Leaves: a folder that AutoTokenizer loads.
Whatever the detectors of personal data find (all that ship with imbik, whatever the operator leaves out) and whatever
looks like an identifier (long digit runs, e-mail and web addresses, IBANs) is masked before counting, and a token is
made only from text of MIN_TASKS or more tasks, so the vocabulary cannot hold what a person would want erased. The same
text gives the same files; the vocabulary may be smaller than asked where the text does not support more.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.core.errors import ModelError
from imbik.models.bpe import Pair, WordCounts, learn_merges
from imbik.models.content import class_token
from imbik.privacy.operator import Operator

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.pre_tokenizers import PreTokenizer
    from transformers import PreTrainedTokenizerFast

    from imbik.privacy.detect import Detection

MIN_TASKS = 20
PAD, SYSTEM, USER, ASSISTANT, END = SPECIAL = ("<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{{- '<|assistant|>' -}}{%- generation -%}{{- message['content'] + '<|end|>' -}}{%- endgeneration -%}"
    "{%- elif message['role'] == 'system' -%}{{- '<|system|>' + message['content'] + '<|end|>' -}}"
    "{%- else -%}{{- '<|user|>' + message['content'] + '<|end|>' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
_DIGIT = r" ?\p{N}"
# AutoTokenizer gives every model of this architecture Qwen2's own rules, whatever tokenizer.json says.
_FIXED_RULES = {"qwen2"}
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_MASKED = re.compile(
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"  # IBAN and alike
    r"|\S+@\S+\.\w+"
    r"|\b(?:https?://|www\.)\S+"
    r"|\+?\d(?:[ ().\-/]{0,2}\d){5,}"
)


def mask_identifiers(text: str) -> str:
    """The text with identifiers, and names behind or before a title, replaced by a space, so that no part of them is
    counted.

    Raises: whatever a detector raises: text that nobody could look into is not counted.
    """
    for finding in reversed(_detection().find(text)):
        text = f"{text[: finding.start]} {text[finding.end :]}"
    return _MASKED.sub(" ", text)


@cache
def _detection() -> Detection:
    """The detectors that ship with imbik."""
    from imbik.privacy.detect import Detection

    return Detection(Operator())


def train_tokenizer(
    texts: Iterable[tuple[str, str]],
    *,
    vocabulary: int,
    classes: Sequence[str],
    folder: Path,
    architecture: str = "",
) -> None:
    """Train on (task id, text) pairs and write the tokenizer to `folder`; class tokens come on top of `vocabulary`.

    `architecture` is that of the model it is for: where transformers fixes how words are cut, that way is taken.
    Raises: ModelError when `vocabulary` cannot hold the bytes and the special tokens.
    """
    from tokenizers.pre_tokenizers import ByteLevel

    alphabet = sorted(ByteLevel.alphabet())
    room = vocabulary - len(alphabet) - len(SPECIAL)
    if room < 0:
        smallest = len(alphabet) + len(SPECIAL)
        raise ModelError(
            f"a vocabulary of {vocabulary} cannot hold the {smallest} bytes and special tokens every tokenizer needs",
            where="student.vocabulary",
            next=f"--set student.vocabulary={max(512, smallest)}",
        )
    splitter = _pre_tokenizer(architecture)
    counts = WordCounts(MIN_TASKS)
    for task, text in texts:
        counts.add(task, _words(splitter, mask_identifiers(text)))
    core = _core(alphabet, learn_merges(counts, room, MIN_TASKS), splitter)
    _wrap(core, classes, architecture).save_pretrained(folder)


def _pre_tokenizer(architecture: str) -> PreTokenizer:
    """Each digit by itself (with the space before it), then words as GPT-2 cuts them, as bytes."""
    from tokenizers import Regex, pre_tokenizers

    if architecture in _FIXED_RULES:
        cut = pre_tokenizers.Split(Regex(_QWEN2), "isolated")
        return pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    made: PreTokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_DIGIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return made


def _words(splitter: PreTokenizer, text: str) -> list[str]:
    return [word for word, _ in splitter.pre_tokenize_str(unicodedata.normalize("NFC", text))]


def _core(alphabet: Sequence[str], merges: Sequence[Pair], splitter: PreTokenizer) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, normalizers

    tokens = [*SPECIAL, *alphabet, *(left + right for left, right in merges)]
    core = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=list(merges)))
    core.normalizer = normalizers.NFC()
    core.pre_tokenizer = splitter
    core.decoder = decoders.ByteLevel()
    return core


def _wrap(core: Tokenizer, classes: Sequence[str], architecture: str) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        unk_token=END if architecture in _FIXED_RULES else None,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    add_class_tokens(tokenizer, classes)
    return tokenizer


def rules_kept(tokenizer: PreTrainedTokenizerFast, architecture: str) -> bool:
    """Whether AutoTokenizer will cut words as this tokenizer does when it lies beside a model of the architecture."""
    if architecture not in _FIXED_RULES:
        return True
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    return _QWEN2 in json.dumps(state["pre_tokenizer"], ensure_ascii=False).replace("\\\\", "\\")


def add_class_tokens(tokenizer: PreTrainedTokenizerFast, classes: Sequence[str]) -> None:
    """Give a tokenizer one token a class.

    They are added but not `special`, so that decoding shows them; safe encoding keeps them out of content all the same.
    """
    from tokenizers import AddedToken

    tokenizer.add_tokens([AddedToken(class_token(label), special=False, normalized=False) for label in classes])
