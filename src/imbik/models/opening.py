"""From a model's files to an engine that runs them: llama.cpp for a GGUF file, transformers for a folder.

Enters: what `load.resolve` found. Leaves: an Engine. What uses one need not know which it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imbik.models.engines import Engine
from imbik.models.folder import check_folder, read_base
from imbik.models.gguf import check_gguf, is_gguf


def check_model(path: Path) -> None:
    """Refuse what cannot or must not be loaded.

    Raises: ModelError.
    """
    (check_gguf if is_gguf(path) else check_folder)(path)


def open_engine(
    path: Path,
    *,
    dtype: str = "float32",
    threads: int = 0,
    device: str = "auto",
    memory: Mapping[str, str] | None = None,
) -> Engine:
    """The model, loaded and ready. `dtype` is that of a folder's weights; a GGUF file has its own, and runs where its
    llama.cpp was built for. A folder larger than one device is spread over several (`memory`: see `spread_for`).

    Raises: ModelError, MissingExtraError where llama.cpp is not installed.
    """
    if is_gguf(path):
        from imbik.models.engines.llamacpp import LlamaCppEngine

        return LlamaCppEngine(path, threads=threads)
    from imbik.models.engines.transformers import TransformersEngine
    from imbik.models.load import load
    from imbik.models.spread import spread_for

    # An adapter lies over a base elsewhere: it is spread on demand only, and then refused.
    spread = (
        None
        if read_base(path) is not None and not memory
        else spread_for(path, dtype=dtype, device=device, memory=memory)
    )
    return TransformersEngine(load(path, dtype=dtype, spread=spread), threads=threads, device=device)
