"""Signed heads: what the owner of the files cannot rewrite, and every way in which a signed head may be wrong."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from audit_chains import decision, numbered, rewritten, write_chain
from imbik.core.errors import ImbikError, InputError, OperatorFileError, RunFolderError, UsageError
from imbik.privacy.account import account, what_left
from imbik.privacy.anchor import FILE_NAME, Anchor, add, head_to_sign, read_anchors, sign, with_signature
from imbik.privacy.chain import Chain
from imbik.privacy.operator import Operator
from imbik.privacy.signing import fingerprint, new_key, public_bytes


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key's file; its public one is in `public`."""
    file = tmp_path / "anahtar.pem"
    (tmp_path / "public").write_text(new_key(file))
    return file


@pytest.fixture
def operator(tmp_path: Path, key: Path) -> Operator:
    """An operator who lists the key."""
    return Operator(anchors=((tmp_path / "public").read_text(),))


def anchored(folder: Path, key: Path, operator: Operator) -> Anchor:
    """Sign the chain as it is."""
    return add(folder, sign(head_to_sign(folder, folder.name).text(), key), operator.anchors)


def test_a_key_is_for_its_owner_and_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "k.pem"
    public = new_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(public_bytes(public)) == 32
    before = file.read_bytes()
    with pytest.raises(UsageError, match="already"):
        new_key(file)
    assert file.read_bytes() == before


def test_an_anchored_chain_says_until_where(tmp_path: Path, key: Path, operator: Operator) -> None:
    folder = tmp_path / "destek"
    numbered(folder, 4)
    assert "not anchored" in what_left(folder, operator)
    made = anchored(folder, key, operator)
    write_chain(folder, decision(rows=("sonra",)))
    said = what_left(folder, operator)
    assert f"audit chain of 5 lines, unbroken, anchored until line 4 on {made.time[:10]} by key" in said
    assert fingerprint(operator.anchors[0]) in said
    assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_rewritten_chain_passes_by_its_hashes_alone_and_not_by_its_anchor(
    tmp_path: Path, key: Path, operator: Operator
) -> None:
    folder = tmp_path / "destek"
    path = numbered(folder)
    anchored(folder, key, operator)
    rewritten(path, b"api.example.com", b"api.innocent.com")
    assert len(list(Chain(path))) == 10  # the control: without the signed head nothing is off
    with pytest.raises(RunFolderError, match="line 10 is not the line that was signed"):
        what_left(folder, operator)
    with pytest.raises(RunFolderError, match="signed"):
        what_left(folder)  # the report knows no keys, and still sees it


def test_a_tail_cut_off_before_the_anchor_is_found(tmp_path: Path, key: Path, operator: Operator) -> None:
    folder = tmp_path / "destek"
    path = numbered(folder)
    anchored(folder, key, operator)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:7]))
    (folder / ".audit.head").unlink()
    with pytest.raises(RunFolderError, match="line 7 is the last, but 3 more were there when it was signed"):
        what_left(folder, operator)


def test_lines_after_the_last_anchor_can_be_rewritten(tmp_path: Path, key: Path, operator: Operator) -> None:
    """Said in docs/privacy.md, so held here: only what is signed is held against whoever owns the files."""
    folder = tmp_path / "destek"
    path = numbered(folder, 3)
    anchored(folder, key, operator)
    write_chain(folder, decision(place="https://late.example:443"))
    rewritten(path, b"late.example", b"else.example")
    assert "else.example" in what_left(folder, operator)


def test_a_key_that_is_not_listed_signs_nothing(tmp_path: Path, key: Path, operator: Operator) -> None:
    folder = tmp_path / "destek"
    numbered(folder)
    other = tmp_path / "other.pem"
    new_key(other)
    with pytest.raises(RunFolderError, match="does not list"):
        anchored(folder, other, operator)
    assert read_anchors(folder) == []
    anchored(folder, key, operator)
    with pytest.raises(RunFolderError, match="does not list"):
        what_left(folder, Operator())


@pytest.mark.parametrize(
    ("other", "reason"), [("b", "signed for the run 'a', and this is 'b'"), ("x/a", "not the line that was signed")]
)
def test_a_head_of_another_run_is_refused(
    tmp_path: Path, key: Path, operator: Operator, other: str, reason: str
) -> None:
    numbered(tmp_path / "a")
    numbered(tmp_path / other)
    line = sign(head_to_sign(tmp_path / "a", "a").text(), key)
    with pytest.raises(RunFolderError, match=reason):
        add(tmp_path / other, line, operator.anchors)
    assert read_anchors(tmp_path / other) == []


def test_another_runs_chain_with_its_signed_heads_proves_nothing_here(
    tmp_path: Path, key: Path, operator: Operator
) -> None:
    clean, dirty = tmp_path / "temiz", tmp_path / "kirli"
    for folder in (clean, dirty):
        numbered(folder, 3)
        anchored(folder, key, operator)
        assert account(folder, operator).head.n == 3
    for path in [path for path in clean.iterdir() if path.is_file()]:
        (dirty / path.name).write_bytes(path.read_bytes())
    with pytest.raises(RunFolderError, match="signed for the run 'temiz', and this is 'kirli'"):
        account(dirty, operator)
    assert account(clean, operator).head.n == 3


def test_a_broken_chain_is_never_signed(tmp_path: Path, key: Path, operator: Operator) -> None:
    folder = tmp_path / "destek"
    path = numbered(folder)
    path.write_bytes(path.read_bytes().replace(b"allowed", b"blocked", 1))
    with pytest.raises(RunFolderError, match="was changed"):
        head_to_sign(folder, "destek")


def test_an_empty_chain_has_nothing_to_sign(tmp_path: Path) -> None:
    write_chain(tmp_path)
    with pytest.raises(RunFolderError, match="nothing to sign"):
        head_to_sign(tmp_path, "x")


def test_every_byte_of_the_anchors_is_held(tmp_path: Path, key: Path, operator: Operator) -> None:
    folder = tmp_path / "destek"
    numbered(folder, 2)
    anchored(folder, key, operator)
    path = folder / FILE_NAME
    whole = path.read_bytes()
    changes = 0
    for at in range(len(whole)):
        for changed in (whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], whole[:at] + whole[at + 1 :]):
            path.write_bytes(changed)
            with pytest.raises(ImbikError):
                account(folder, operator)
            changes += 1
        path.write_bytes(whole[:at] + b" " + whole[at:])
        with pytest.raises(ImbikError):
            account(folder, operator)
    path.write_bytes(whole + b"\n")
    with pytest.raises(RunFolderError, match="is not whole"):
        account(folder, operator)
    path.write_bytes(whole)
    assert account(folder, operator).head.n == 2
    assert changes == 2 * len(whole)


def test_signing_twice_adds_a_line_and_handing_in_the_same_one_does_not(
    tmp_path: Path, key: Path, operator: Operator
) -> None:
    folder = tmp_path / "destek"
    numbered(folder)
    line = sign(head_to_sign(folder, "destek").text(), key)
    add(folder, line, operator.anchors)
    add(folder, line, operator.anchors)
    assert len(read_anchors(folder)) == 1
    write_chain(folder, decision())
    anchored(folder, key, operator)
    assert [anchor.lines for anchor in read_anchors(folder)] == [10, 11]


def test_openssl_signs_what_head_prints(tmp_path: Path, key: Path, operator: Operator) -> None:
    """The person who holds the key needs no imbik."""
    folder = tmp_path / "destek"
    numbered(folder)
    statement = tmp_path / "head.json"
    statement.write_bytes(head_to_sign(folder, "destek").text())
    signature = tmp_path / "head.sig"
    command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", statement, "-out", signature]
    subprocess.run(command, check=True, capture_output=True)
    raw = signature.read_bytes()
    for given in (raw, raw.hex().encode() + b"\n", base64.encodebytes(raw)):
        line = with_signature(statement.read_bytes(), given, operator.anchors)
        assert add(folder, line, operator.anchors).lines == 10
    assert len(read_anchors(folder)) == 1
    assert "anchored until line 10" in what_left(folder, operator)


def test_a_text_that_is_no_head_is_not_signed(tmp_path: Path, key: Path) -> None:
    for text in (b"", b"{}\n", b'{"signs":"something else","run":"a","lines":1,"head":"a","time":"b"}\n'):
        with pytest.raises(InputError, match="not what `imbik privacy head` printed"):
            sign(text, key)


def test_a_signature_by_nobody_listed(tmp_path: Path, key: Path, operator: Operator) -> None:
    numbered(tmp_path / "a")
    statement = head_to_sign(tmp_path / "a", "a").text()
    with pytest.raises(InputError, match="no key of the operator's file"):
        with_signature(statement, bytes(64), operator.anchors)
    with pytest.raises(InputError, match="no Ed25519 signature"):
        with_signature(statement, b"kisa", operator.anchors)


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA", "ed25519:" + "A" * 43, "ed25519:" + "é"])
def test_what_is_no_public_key(text: str) -> None:
    with pytest.raises(OperatorFileError, match="no public key"):
        public_bytes(text)


def test_a_file_that_is_no_private_key(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("parola")
    numbered(tmp_path / "a")
    statement = head_to_sign(tmp_path / "a", "a").text()
    with pytest.raises(UsageError, match="no private Ed25519 key"):
        sign(statement, tmp_path / "k")
    with pytest.raises(UsageError, match="cannot be read"):
        sign(statement, tmp_path / "none")
