"""imbik explain KEY"""

from __future__ import annotations

from typing import Annotated

import typer


def explain(
    key: Annotated[str, typer.Argument(help="A recipe key such as train.learning_rate, or a plug-in such as lora.")],
) -> None:
    """Say what a recipe key does, its default, or the settings of a plug-in."""
    from imbik.advise.explain import explain as words

    print(words(key))
