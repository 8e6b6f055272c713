"""imbik fake-teacher"""

from __future__ import annotations

from typing import Annotated

import typer


def fake_teacher(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8000,
    latency: Annotated[float, typer.Option(min=0, help="Seconds before each answer.")] = 0.0,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="What goes wrong, e.g. '429 times=3'; repeatable.")
    ] = None,
) -> None:
    """Serve an OpenAI-compatible fake teacher on this machine, to try a recipe without a key."""
    from imbik.testing import parse_rule
    from imbik.testing import run as serve

    rules = [parse_rule(text) for text in rule or ()]
    print(f"teachers: {{fake: {{use: openai, base_url: 'http://127.0.0.1:{port}/v1', model: sahte}}}}", flush=True)
    serve(port, latency=latency, rules=rules)
