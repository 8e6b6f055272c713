"""imbik schema"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def schema(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
) -> None:
    """Print the JSON Schema of a recipe, so that editors complete and check it."""
    from imbik.core.files import write_text
    from imbik.recipe import schema_text

    text = schema_text()
    if output is None:
        print(text, end="")
    else:
        write_text(output, text)
        print(f"{output}: put  # yaml-language-server: $schema={output}  at the top of a recipe")
