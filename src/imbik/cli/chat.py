"""imbik chat RUN"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from imbik.advise.terminal import safe
from imbik.cli.options import RunName, Runs

SWITCH = "/adapter"


def greeting(examples: Sequence[str], adapters: Sequence[str] = ()) -> Iterator[str]:
    """What a person is told before the first question."""
    yield "type a question; an empty line starts afresh, Ctrl-D ends"
    if adapters:
        yield f"adapters: {', '.join(adapters)} ({SWITCH} NAME talks to one, {SWITCH} alone to the student)"
    if examples:
        yield "a small student knows what it was taught: rows such as these, which it has not seen"
        yield from (f"  {safe(text)}" for text in examples)


def chat(
    run: RunName,
    question: Annotated[
        str, typer.Argument(metavar="[QUESTION]", help="Ask this once and leave.", show_default=False)
    ] = "",
    with_: Annotated[
        str, typer.Option("--with", metavar="TEACHER", help="Also ask a teacher ('teacher': the run's own).")
    ] = "",
    adapter: Annotated[
        str, typer.Option(metavar="NAME", help="An adapter of the run (train.adapters) to begin with.")
    ] = "",
    sensitivity: Annotated[
        str, typer.Option(help="How private what you type is; decides whether a teacher may see it.")
    ] = "confidential",
    runs: Runs = None,
) -> None:
    """Talk to the student of a run."""
    import sys

    from imbik.advise.runs import find_run
    from imbik.cli.console import print_reply
    from imbik.core.errors import ImbikError
    from imbik.privacy.sensitivity import parse
    from imbik.serve.chat import Chat

    level = parse(sensitivity, where="--sensitivity")
    with Chat(find_run(run, runs), with_, level, adapter) as talk:
        if question:
            for reply in talk.say(question):
                print_reply(reply)
            return
        for line in greeting(talk.examples(), talk.adapters):
            print(line, file=sys.stderr)
        while True:
            try:
                line = input("> ").strip()
            except EOFError:
                return
            if not line:
                talk.forget()
                continue
            try:
                if line.split()[0] == SWITCH:
                    talk.switch(line.removeprefix(SWITCH).strip())
                    continue
                for reply in talk.say(line):
                    print_reply(reply)
            except ImbikError as error:  # of this question: the next one may be answered
                print(f"imbik: {error}", file=sys.stderr)
