"""The shipped models: a real teacher and a base student for Turkish word problems, and the programs that made them.

No network, no key, no GPU. `teacher_path()` and `base_path()` are folders that
``transformers.AutoModelForCausalLM.from_pretrained`` and ``AutoTokenizer.from_pretrained`` load offline: bfloat16
safetensors, tokenizer, chat template, generation settings. Teacher and base share one tokenizer. The teacher
answers a problem with labelled steps and a last line ``Cevap: N``; the base has never seen a solved problem.

Made once, seeded, by ``python -m imbik.embedded.make_teacher`` and then ``python -m imbik.embedded.make_base``.
Nothing else here is imported at run time.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def data_path(name: str) -> Path:
    """The folder of one shipped model, inside the installed package."""
    return Path(str(files("imbik.embedded").joinpath("data", name)))


def teacher_path() -> Path:
    """Folder of the teacher: about 1.9 million parameters, under 12 MB."""
    return data_path("teacher")


def base_path() -> Path:
    """Folder of the base student: at least 8 times fewer parameters than the teacher, under 1 MB."""
    return data_path("base")
