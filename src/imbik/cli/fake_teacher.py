"""imbik fake-teacher"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def fake_teacher(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8000,
    latency: Annotated[float, typer.Option(min=0, help="Seconds before each answer.")] = 0.0,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Rows with a question and an answer (CSV, JSON lines …) to answer from."),
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="What goes wrong, e.g. '429 times=3'; repeatable.")
    ] = None,
) -> None:
    """Serve an OpenAI-compatible fake teacher on this machine, to try a recipe without a key.

    It answers with reasoning and a marked result (`Cevap: 7`): what --answers holds, else a plain sum or difference
    in the question (`4 + 3`). Any other question it only says again, which refine may well reject.
    """
    from imbik.testing import from_file, parse_rule, solve
    from imbik.testing import run as serve

    rules = [parse_rule(text) for text in rule or ()]
    answer = from_file(answers) if answers else solve
    print(f"teachers: {{fake: {{use: openai, base_url: 'http://127.0.0.1:{port}/v1', model: sahte}}}}", flush=True)
    serve(port, answer=answer, latency=latency, rules=rules)
