"""imbik doctor"""

from __future__ import annotations

import typer


def doctor() -> None:
    """Check the installation: what is here, what is missing for which extra, and the command that adds it."""
    from imbik.advise.doctor import examine
    from imbik.core.errors import ExitCode

    findings = examine()
    for finding in findings:
        mark = {"good": "ok ", "missing": "-  ", "bad": "!! "}[finding.state]
        print(f"{mark} {finding.name}: {finding.detail}")
        if finding.mend:
            print(f"      {finding.mend}")
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(ExitCode.FAILED)
