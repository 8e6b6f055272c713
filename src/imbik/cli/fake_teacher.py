"""imbik fake-teacher"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def fake_teacher(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8000,
    latency: Annotated[float, typer.Option(min=0, help="Seconds before each answer.")] = 0.0,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Rows with a question and an answer (CSV, JSON lines …) to answer from."),
    ] = None,
    judge: Annotated[
        str,
        typer.Option(metavar="honest|gullible", help="Answer a judge's questions so; all others as without it."),
    ] = "",
    rule: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="What goes wrong, e.g. '429 times=3'; repeatable.")
    ] = None,
    script: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rules in a YAML or JSON file; those of --rule come first.")
    ] = None,
    key: Annotated[str, typer.Option(help="The only key it accepts (default: any).")] = "",
    price: Annotated[
        str, typer.Option(metavar="IN,OUT", help="USD for a million tokens read, written: its books tell the bill.")
    ] = "0,0",
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a line for every reply that went out whole.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(metavar="RECIPE", help="Answer a recipe's questions from its own rows, of any kind.")
    ] = None,
    wrong: Annotated[
        float, typer.Option(min=0, max=1, help="Of --recipe: share of rows that get another row's answer.")
    ] = 0.0,
    scores: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Say of given token ids how likely this model finds them, as vLLM does."),
    ] = None,
    batch: Annotated[
        str, typer.Option(metavar="PLAN", help="How batches go, e.g. 'seconds=60 expired=20 lost=2'.")
    ] = "",
    faults: Annotated[bool, typer.Option("--faults", help="List what can go wrong, and stop.")] = False,
) -> None:
    """Serve a fake teacher on this machine, to try a recipe without a key, and what it does when a teacher fails.

    It speaks OpenAI's format and Anthropic's. It answers with reasoning and a
    marked result (`Cevap: 7`): what --answers holds (a JSON document as it
    stands), or as the kind of --recipe answers, else a plain sum or difference in the question (`4 + 3`). Any other
    question it only says again, which refine may well reject; questions of
    tasks.grow get made-up word problems. What it was asked and would have
    billed: http://127.0.0.1:PORT/books.
    """
    from imbik.testing import GrowthTeacher, from_file, from_recipe, parse_rule, read_script, solve
    from imbik.testing import run as serve
    from imbik.testing.completions import scores_of
    from imbik.testing.judges import judging
    from imbik.testing.told import faults_told, plan_of, price_of

    if faults:
        print(faults_told())
        return
    rules = [*(parse_rule(text) for text in rule or ()), *(read_script(script) if script else ())]
    known = from_recipe(recipe, wrong) if recipe else from_file(answers) if answers else solve
    answer = judging(judge, GrowthTeacher(known))
    score = scores_of(scores) if scores else None
    paid, plan, place = price_of(price), plan_of(batch), f"http://127.0.0.1:{port}"
    print(f"teachers: {{fake: {{use: openai, base_url: '{place}/v1', model: sahte}}}}")
    if score:
        print(f"to score token ids: {{use: openai, base_url: '{place}/v1', model: sahte, prompt_logprobs: 20}}")
    print(f"or in the other format: {{use: anthropic, base_url: '{place}', key: '', model: sahte}}", flush=True)
    serve(port, answer=answer, latency=latency, rules=rules, key=key, price=paid, log=log, batch=plan, score=score)
