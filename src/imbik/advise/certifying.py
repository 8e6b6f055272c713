"""Writing a run's certificate and the verifier that needs no imbik.

Enters: a run, the operator's file, a language and the file wanted. Leaves: the page as PDF or HTML, the verifier's
source as a file of its own.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from imbik.core.errors import UsageError
from imbik.core.files import write_bytes
from imbik.core.runfolder import RunFolder
from imbik.privacy.certificate import certify, html_page, pdf_page
from imbik.privacy.operator import Operator


def write_certificate(run: RunFolder, operator: Operator, language: str, output: Path | None) -> Path:
    """Check the run's chain and write the page; returns the file.

    Raises: RunFolderError when anything is off (then nothing is written), UsageError for another ending than .pdf or
    .html or an unknown language, ModuleNotFoundError where weasyprint (extra `pdf`) is missing.
    """
    file = output or Path(f"{run.name}.html")
    if file.suffix.lower() not in {".pdf", ".html"}:
        raise UsageError("a certificate is a .pdf or an .html file", where=str(file), next="-o certificate.pdf")
    page = certify(run.path, run.name, operator)
    text = html_page(page, language)
    write_bytes(file, pdf_page(page, language) if file.suffix.lower() == ".pdf" else text.encode())
    return file


def write_verifier(file: Path) -> None:
    """Write the 60 lines of `imbik.privacy.verifier` out."""
    write_bytes(file, resources.files("imbik.privacy").joinpath("verifier.py").read_bytes())
