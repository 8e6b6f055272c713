"""imbik privacy: trust an operator's file; prove, sign and certify what left this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from imbik.cli.options import RunName, Runs
from imbik.core.types import Sensitivity

app = typer.Typer(help="Trust an operator's file; prove what left; erase a person.", no_args_is_help=True)
key_app = typer.Typer(help="Keys that sign the head of an audit chain.", no_args_is_help=True)
app.add_typer(key_app, name="key")

OperatorFile = Annotated[
    Path | None,
    typer.Option("--operator", metavar="FILE", help="The operator's file (default: the one that holds for the run)."),
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
    from imbik.advise.terminal import safe

    found = find_run(run, runs)
    print(safe(sentence(found, operator_for(operator, found))))


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
    found = find_run(run, runs)
    keys = operator_for(operator, found).anchors
    if key is not None:
        line = anchors.sign(anchors.head_to_sign(found.path, found.name).text(), key)
    elif signed is not None:
        line = anchors.with_signature(_read(signed), _read(signature), keys)
    else:
        line = _read(signature)
    made = anchors.add(found.path, line, keys)
    print(f"{found.name} is anchored until line {made.lines:,} of its audit chain, by key {made.fingerprint}")


@app.command()
def certificate(
    run: RunName,
    language: Annotated[str, typer.Option("--language", metavar="tr|en", help="Turkish or English.")] = "tr",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="A .pdf or .html file (default: RUN.html).")
    ] = None,
    verifier: Annotated[
        Path | None, typer.Option("--verifier", metavar="FILE", help="Also write the verifier that needs no imbik.")
    ] = None,
    runs: Runs = None,
    operator: OperatorFile = None,
) -> None:
    """Write the page that a data-protection officer files: what a run sent, checked and signed."""
    from imbik.advise.certifying import write_certificate, write_verifier
    from imbik.advise.prove import operator_for
    from imbik.advise.runs import find_run

    found = find_run(run, runs)
    print(write_certificate(found, operator_for(operator, found), language, output))
    if verifier is not None:
        write_verifier(verifier)
        print(f"{verifier}: run it with python, {found.path}/audit.jsonl, anchors.jsonl and the public key")


@app.command()
def breach(
    run: RunName,
    since: Annotated[str, typer.Option("--since", metavar="WHEN", help="2026-11-24, or 2026-11-24T14:00+03:00.")],
    until: Annotated[str, typer.Option("--until", metavar="WHEN", help="The end (default: now).")] = "",
    endpoint: Annotated[str, typer.Option("--endpoint", metavar="TEXT", help="Only endpoints that hold this.")] = "",
    output: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Every row, endpoint and time.")] = None,
    runs: Runs = None,
    operator: OperatorFile = None,
) -> None:
    """List rows, endpoints and times for the notice within 72 hours (KVKK art. 12/5)."""
    from imbik.advise import breach as work
    from imbik.advise.prove import operator_for
    from imbik.advise.runs import find_run
    from imbik.cli.console import table

    found = find_run(run, runs)
    listed = work.breach(found, work.span(since, until), endpoint, operator_for(operator, found).anchors)
    for line in work.summary(listed):
        print(line)
    if listed.totals:
        table(work.HEAD, work.table_rows(listed))
    if output is not None:
        print(f"{output}: {work.write_csv(listed, output):,} lines")


def _read(file: Path | None) -> bytes:
    """A file the user named."""
    from imbik.core.errors import InputError

    try:
        return file.read_bytes() if file is not None else b""
    except OSError as error:
        raise InputError(f"this file cannot be read: {error.strerror}", where=str(file)) from None


@app.command()
def forget(
    run: RunName,
    person: Annotated[
        list[str] | None,
        typer.Option("--person", metavar="TEXT", help="A full name or an identifier of the person; repeatable."),
    ] = None,
    rows: Annotated[
        list[str] | None, typer.Option("--rows", metavar="ID", help="A row to erase whatever it says; repeatable.")
    ] = None,
    runs: Runs = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; no words of rows are shown.")] = False,
    sign_with: Annotated[
        Path | None, typer.Option("--sign", metavar="KEY", help="A private key that signs the receipt.")
    ] = None,
) -> None:
    """Erase a person (or rows) from a run and from the answer store, with a receipt (KVKK art. 7).

    A rerun from the same seed file does not bring them back. What cannot be cleaned, such as weights, is named.
    """
    from imbik.advise.forget import told, work
    from imbik.advise.forget.plan import Plan
    from imbik.advise.runs import find_run
    from imbik.core.errors import ExitCode

    found = find_run(run, runs)

    def agree(plan: Plan) -> bool:
        for line in told.of_plan(plan, excerpts=not yes):
            print(line)
        return not dry_run and (yes or _agreed(*told.question(plan)))

    done = work.forget(found, person or (), frozenset(rows or ()), agree=agree, key_file=sign_with)
    if done.receipt is None:
        if done.plan is not None and done.plan.nothing:
            print(*told.of_plan(done.plan, excerpts=False), sep="\n")
        elif not dry_run:
            print("nothing was erased")
        return
    if done.resumed:
        print("an erasure that was interrupted is finished now; for another one type the command again")
    print(*told.of_receipt(done.receipt), sep="\n")
    print(f"receipt: {found.path / 'receipts' / f'{done.receipt.id}.txt'}")
    if done.receipt.named_after:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def retain(
    runs: Runs = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is over time.")] = False,
) -> None:
    """Destroy rows whose retention period (operator's file) is over, in all runs and the answer store: for cron."""
    from imbik.advise.forget.retain import retain as destroy
    from imbik.advise.forget.retain import told
    from imbik.core.runfolder import runs_folder
    from imbik.privacy.operator import load_operator

    folder = runs_folder(runs)
    report = destroy(folder, load_operator(folder), dry_run=dry_run)
    for line in told(report, dry_run=dry_run):
        print(line)
    problems = [item.problem for item in report.runs if item.problem is not None]
    if problems:
        raise typer.Exit(problems[0].exit_code)


@app.command()
def declassify(
    run: RunName,
    rows: Annotated[list[str], typer.Option("--rows", metavar="ID", help="A row of the run; repeatable.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so, as the operator's file names them.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="That person's private key.")],
    to: Annotated[Sensitivity, typer.Option("--to", help="How private the rows are in truth.")] = Sensitivity.PUBLIC,
    runs: Runs = None,
) -> None:
    """Say, as one of two people, that rows are less private than they are marked or than detectors take them for."""
    from imbik.advise.declassify import say
    from imbik.advise.runs import find_run

    for line in say(find_run(run, runs), rows, to, by, key):
        print(line)


def _agreed(question: str, yes: set[str]) -> bool:
    """Whether the person at the terminal answers the question with one of these.

    Raises: UsageError where nobody can be asked.
    """
    from imbik.core.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", where="--yes", next="add --yes, or --dry-run to look only")
    try:
        return input(question).strip().lower() in yes
    except EOFError:
        return False


@app.command()
def scan(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file or folder of rows, a hub id, or plain text.")],
    show: Annotated[bool, typer.Option("--show", help="Print identifiers as they are, with the words around.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say which personal data the detectors find in a file, and where; exit code 6 when there is any."""
    import json
    from dataclasses import asdict

    from imbik.advise.scan import scan as look
    from imbik.core.errors import ExitCode

    found = look(file, show=show)
    if as_json:
        print(json.dumps({**asdict(found), "counts": found.counts}, ensure_ascii=False))
    else:
        for item in found.found:
            print(item)
        print(found.summary())
    if found.found:
        raise typer.Exit(ExitCode.BLOCKED)
