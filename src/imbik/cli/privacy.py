"""imbik privacy: trust an operator's file; prove, sign and certify what left this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from imbik.cli.options import RunName, Runs

app = typer.Typer(help="Trust an operator's file; prove what left this machine.", no_args_is_help=True)
key_app = typer.Typer(help="Keys that sign the head of an audit chain.", no_args_is_help=True)
app.add_typer(key_app, name="key")

OperatorFile = Annotated[
    Path | None,
    typer.Option("--operator", metavar="FILE", help="The operator's file (default: the one that holds here)."),
]


@app.command()
def trust(
    file: Annotated[Path, typer.Argument(help="An operator's file that you have read and that is yours.")],
) -> None:
    """Pin an operator's file that lies beside a recipe: it holds until it changes."""
    from imbik.privacy.trust import trust as pin

    print(f"trusted until it changes: {file} (sha256 {pin(file)})")


@app.command()
def prove(run: RunName, runs: Runs = None, operator: OperatorFile = None) -> None:
    """Check the audit chain of a run and say in one sentence what left."""
    from imbik.advise.prove import operator_for
    from imbik.advise.prove import prove as sentence
    from imbik.advise.runs import find_run

    print(sentence(find_run(run, runs), operator_for(operator)))


@key_app.command()
def new(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; keep it off the machine that runs.")],
) -> None:
    """Make a key pair; prints the line for `anchors:` of the operator's file."""
    from imbik.privacy.signing import new_key

    print(new_key(file))


@app.command()
def head(run: RunName, runs: Runs = None) -> None:
    """Check the chain and print what is to be signed: exactly this line, with its newline."""
    from imbik.advise.runs import find_run
    from imbik.privacy.anchor import head_to_sign

    found = find_run(run, runs)
    sys.stdout.buffer.write(head_to_sign(found.path, found.name).text())


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(metavar="HEAD", help="What `imbik privacy head RUN` printed.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The private key.")],
) -> None:
    """Sign a head on another machine; prints what `imbik privacy anchor RUN --signature` takes."""
    from imbik.privacy.anchor import sign as signed

    sys.stdout.buffer.write(signed(_read(file), key))


@app.command()
def anchor(
    run: RunName,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The private key, where it is here.")
    ] = None,
    signature: Annotated[
        Path | None, typer.Option("--signature", metavar="FILE", help="What was signed on another machine.")
    ] = None,
    signed: Annotated[
        Path | None, typer.Option("--head", metavar="FILE", help="What was signed, where the signature alone is given.")
    ] = None,
    runs: Runs = None,
    operator: OperatorFile = None,
) -> None:
    """Sign the head of a run's audit chain: what it holds until then cannot be rewritten unnoticed."""
    from imbik.advise.prove import operator_for
    from imbik.advise.runs import find_run
    from imbik.core.errors import UsageError
    from imbik.privacy import anchor as anchors

    if (key is None) == (signature is None):
        raise UsageError("a head is signed with --key here, or taken with --signature from another machine")
    found, keys = find_run(run, runs), operator_for(operator).anchors
    if key is not None:
        line = anchors.sign(anchors.head_to_sign(found.path, found.name).text(), key)
    elif signed is not None:
        line = anchors.with_signature(_read(signed), _read(signature), keys)
    else:
        line = _read(signature)
    made = anchors.add(found.path, line, keys)
    print(f"{found.name} is anchored until line {made.lines:,} of its audit chain, by key {made.fingerprint}")


def _read(file: Path | None) -> bytes:
    """A file the user named."""
    from imbik.core.errors import InputError

    try:
        return file.read_bytes() if file is not None else b""
    except OSError as error:
        raise InputError(f"this file cannot be read: {error.strerror}", where=str(file)) from None
