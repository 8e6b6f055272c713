"""A GGUF file as a model: one file that holds quantised weights, run by llama.cpp.

Enters: the path of a `.gguf` file. Leaves: its identity, its tokenizer, its context. The tokenizer is the
`tokenizer.json` that lies beside the file, as exports of imbik have it, else the one inside the file; either is held
against llama.cpp's own before it is used, since an id that means another token would be silent nonsense.
Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from imbik.core.errors import MissingExtraError, ModelError
from imbik.core.files import digest, file_digest
from imbik.core.types import Sensitivity
from imbik.models.content import class_tokens_of
from imbik.models.folder import read_about, tokenizer_hash

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_MAGIC = b"GGUF"
_PROBE = "Ayşe'nin 12 elması vardı; İstanbul'a 3,5 saat kaldı.\n\n  12 - 5 = 7 (çğıöşü ÇĞİÖŞÜ) €"


@dataclass(frozen=True)
class GgufModel:
    """What engines and answering need to know of a GGUF model; `class_tokens` as in `models.model.LanguageModel`."""

    path: Path
    tokenizer: PreTrainedTokenizerFast
    context: int
    sensitivity: Sensitivity
    class_tokens: dict[str, int] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The file, for messages."""
        return self.path


def is_gguf(path: Path) -> bool:
    """Whether a path is written as a GGUF file."""
    return path.suffix == ".gguf"


def check_gguf(path: Path) -> None:
    """Refuse what is no GGUF file.

    Raises: ModelError.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
    except OSError as error:
        raise ModelError(f"this file cannot be read ({error.strerror})", where=str(path)) from None
    if magic != _MAGIC:
        raise ModelError("this is no GGUF file", where=str(path), next="copy or download it again")


def gguf_fingerprint(path: Path) -> str:
    """A hash of the file and of the tokenizer beside it."""
    beside = tokenizer_hash(path.parent) if (path.parent / "tokenizer.json").exists() else ""
    return digest("gguf", file_digest(path), beside)


def gguf_sensitivity(path: Path) -> tuple[Sensitivity, str]:
    """What `imbik.json` beside the file says; a file without one comes from elsewhere and counts as public."""
    about = read_about(path.parent)
    if about is not None:
        return about.sensitivity, ""
    return Sensitivity.PUBLIC, f"{path} has no imbik.json beside it: the model is taken as trained on public data"


def gguf_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """The tokenizer beside the file, else the one inside it.

    Raises: ModelError when neither can be read, MissingExtraError without the `gguf` package.
    """
    from transformers import AutoTokenizer

    from imbik.models.load import load_tokenizer

    if (path.parent / "tokenizer.json").exists():
        return load_tokenizer(path.parent)
    try:
        made: Any = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
    except ImportError:
        raise MissingExtraError(
            "reading a GGUF file needs the gguf package", next="pip install 'imbik[gguf]'"
        ) from None
    except Exception as error:  # converters of several libraries
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelError(
            f"the tokenizer inside this file cannot be read ({reason})",
            where=str(path),
            next="put the model's own tokenizer.json and tokenizer_config.json beside the file",
        ) from None
    return cast("PreTrainedTokenizerFast", made)


def tokenizer_home(path: Path) -> Path:
    """The folder that holds a model's tokenizer.json.

    Raises: ModelError for a GGUF file that has none beside it: the one inside serves for answering, not for training.
    """
    if not is_gguf(path):
        return path
    if not (path.parent / "tokenizer.json").exists():
        raise ModelError(
            "a student can share a GGUF file's tokenizer only where tokenizer.json lies beside the file",
            where=str(path),
            next="put the model's own tokenizer.json there, or --set student.tokenizer=train without capture",
        )
    return path.parent


def hold_against(tokenizer: PreTrainedTokenizerFast, own: list[int], path: Path) -> None:
    """Refuse a tokenizer whose ids of the probe text are not those of llama.cpp.

    Raises: ModelError.
    """
    ids = list(tokenizer.backend_tokenizer.encode(_PROBE, add_special_tokens=False).ids)
    if ids != own:
        at = next(
            (place for place, (a, b) in enumerate(zip(ids, own, strict=False)) if a != b), min(len(ids), len(own))
        )
        raise ModelError(
            f"the tokenizer read for this file differs from llama.cpp's own (from token {at + 1} of a probe text)",
            where=str(path),
            next="put the tokenizer.json that the file was made with beside it",
        )


def probe() -> bytes:
    """The text on which tokenizers are held against one another."""
    return _PROBE.encode()


def make_gguf_model(path: Path, context: int) -> GgufModel:
    """The record of a file whose context llama.cpp has read."""
    tokenizer = gguf_tokenizer(path)
    return GgufModel(path, tokenizer, context, gguf_sensitivity(path)[0], class_tokens_of(tokenizer))
