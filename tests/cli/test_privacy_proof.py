"""The commands of whoever answers for the data: make a key, sign a head, prove."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from audit_chains import decision, rewritten, write_chain
from cli.conftest import Imbik
from imbik.core.runfolder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run whose rows went to two places."""
    folder = RunFolder(tmp_path / "runs" / "destek")
    folder.create()
    write_chain(
        folder.path,
        decision(rows=("a", "b")),
        decision(rows=("c",), level="internal", reason="contract: signed 2026"),
        decision("blocked", rows=("d",), level="confidential", reason="no"),
    )
    return folder


def test_key_anchor_prove(imbik: Imbik, run: RunFolder, tmp_path: Path) -> None:
    public = imbik("privacy", "key", "new", "k.pem").out.strip()
    (tmp_path / "operator.yaml").write_text(f"anchors: ['{public}']\n")
    assert imbik("privacy", "trust", "operator.yaml").code == 0
    done = imbik("privacy", "anchor", "destek", "--key", "k.pem")
    assert (done.code, done.err) == (0, "")
    assert "destek is anchored until line 3" in done.out
    proved = imbik("privacy", "prove", "destek")
    assert proved.code == 0
    assert "anchored until line 3" in proved.out
    assert "1 internal row was allowed to https://api.example.com:443 (contract: signed 2026)" in proved.out
    rewritten(run.path / "audit.jsonl", b'"internal"', b'"public"')
    proved = imbik("privacy", "prove", "destek")
    assert proved.code == 1
    assert "not the line that was signed" in proved.err


def test_a_key_on_another_machine(imbik: Imbik, run: RunFolder, tmp_path: Path) -> None:
    public = imbik("privacy", "key", "new", "k.pem").out.strip()
    (tmp_path / "theirs.yaml").write_text(f"anchors: ['{public}']\n")
    (tmp_path / "head.json").write_text(imbik("privacy", "head", "destek").out)
    (tmp_path / "signed.json").write_text(imbik("privacy", "sign", "head.json", "--key", "k.pem").out)
    taken = imbik("privacy", "anchor", "destek", "--signature", "signed.json", "--operator", "theirs.yaml")
    assert taken.code == 0, taken.err
    assert imbik("privacy", "prove", "destek", "--operator", "theirs.yaml").code == 0
    refused = imbik("privacy", "prove", "destek")
    assert refused.code == 1
    assert "does not list" in refused.err


def test_one_way_of_signing_at_a_time(imbik: Imbik, run: RunFolder) -> None:
    assert imbik("privacy", "anchor", "destek").code == 2
    assert imbik("privacy", "anchor", "destek", "--signature", "none.json").code == 2


def test_prove_fails_on_a_changed_byte(imbik: Imbik, run: RunFolder) -> None:
    path = run.path / "audit.jsonl"
    path.write_bytes(path.read_bytes() + b"x")
    ended = imbik("privacy", "prove", "destek")
    assert (ended.code, ended.out) == (1, "")
    assert "has no end" in ended.err


def test_certificate_in_two_forms_and_the_verifier_beside_it(imbik: Imbik, run: RunFolder, tmp_path: Path) -> None:
    public = imbik("privacy", "key", "new", "k.pem").out.strip()
    (tmp_path / "op.yaml").write_text(f"controller: Örnek A.Ş.\nanchors: ['{public}']\n")
    own = ("--operator", "op.yaml")
    assert imbik("privacy", "anchor", "destek", "--key", "k.pem", *own).code == 0
    made = imbik("privacy", "certificate", "destek", "-o", "belge.pdf", "--verifier", "verify.py", *own)
    assert made.code == 0, made.err
    assert (tmp_path / "belge.pdf").read_bytes().startswith(b"%PDF")
    made = imbik("privacy", "certificate", "destek", "--language", "en", *own)
    assert made.code == 0, made.err
    page = (tmp_path / "destek.html").read_text(encoding="utf-8")
    assert "Certificate of Data Transfers" in page
    assert "Örnek A.Ş." in page
    files = (run.path / "audit.jsonl", run.path / "anchors.jsonl")
    alone = subprocess.run([sys.executable, "-I", "verify.py", *files, public], capture_output=True, cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    assert imbik("privacy", "certificate", "destek", "-o", "belge.docx", *own).code == 2
    assert imbik("privacy", "certificate", "destek", "--language", "de", *own).code == 2
    run.path.joinpath("audit.jsonl").write_bytes(b"{}\n")
    broken = imbik("privacy", "certificate", "destek", "-o", "nie.html", *own)
    assert broken.code == 1
    assert not (tmp_path / "nie.html").exists()


def test_breach(imbik: Imbik, run: RunFolder, tmp_path: Path) -> None:
    listed = imbik("privacy", "breach", "destek", "--since", "2020-01-01", "--csv", "ihlal.csv")
    assert listed.code == 0, listed.err
    assert "3 rows left for 1 endpoint between" in listed.out
    assert "https://api.example.com:443" in listed.out
    assert "ihlal.csv: 3 lines" in listed.out
    assert imbik("privacy", "breach", "destek", "--since", "dün").code == 2
    assert "no row left" in imbik("privacy", "breach", "destek", "--since", "2020-01-01", "--endpoint", "yok").out


def test_without_the_extra_a_pdf_says_what_to_install_and_html_works(
    imbik: Imbik, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    refused = imbik("privacy", "certificate", "destek", "-o", "belge.pdf")
    assert refused.code == 2
    assert "pip install 'imbik[pdf]'" in refused.err
    assert imbik("privacy", "certificate", "destek", "-o", "belge.html").code == 0
