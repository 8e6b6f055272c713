"""imbik fake-teacher"""

from __future__ import annotations

from typing import Annotated

import typer


def fake_teacher(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1 (0: any free one).")] = 8000,
    latency: Annotated[float, typer.Option(min=0, help="Seconds before each answer.")] = 0.0,
) -> None:
    """Serve an OpenAI-compatible fake teacher on this machine, to try a recipe without a key."""
    from imbik.testing.fake_teacher import serve

    serve(port=port, latency=latency)
