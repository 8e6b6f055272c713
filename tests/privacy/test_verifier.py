"""The stand-alone verifier: one file of 60 lines, run by a Python that knows no imbik."""

from __future__ import annotations

import io
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from audit_chains import decision, numbered, rewritten, write_chain
from imbik.privacy import verifier
from imbik.privacy.anchor import FILE_NAME, add, head_to_sign, sign
from imbik.privacy.audit import Audit
from imbik.privacy.signing import new_key

SOURCE = Path(verifier.__file__)


class Signed(NamedTuple):
    """A chain, its signed heads, the public key."""

    chain: Path
    anchors: Path
    key: str


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    """A signed chain with a torn line in its middle."""
    folder = tmp_path / "destek"
    path = numbered(folder, 3)
    with path.open("ab") as stream:
        stream.write(b'{"n":4,"time":"2026-')
    write_chain(folder, decision())
    public = new_key(tmp_path / "k.pem")
    add(folder, sign(head_to_sign(folder, "destek").text(), tmp_path / "k.pem"), (public,))
    return Signed(path, folder / FILE_NAME, public)


def said(chain: bytes, anchors: bytes, *keys: str) -> str:
    """The verdict on these bytes."""
    lines = anchors.splitlines(keepends=True)
    return verifier.verdict(io.BytesIO(chain), lines, [key.encode() for key in keys])


def typed(tmp_path: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """The file alone, copied elsewhere, in an isolated Python: neither imbik nor any library is to be found."""
    copy = tmp_path / "elsewhere" / "verify_audit.py"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(SOURCE.read_bytes())
    command = [sys.executable, "-I", "-S", copy, *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=copy.parent)


def test_it_has_sixty_lines_and_needs_nothing(tmp_path: Path) -> None:
    source = SOURCE.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 60
    (names,) = re.findall(r"^import ([\w, ]+?)(?:  #.*)?$", source, re.M)
    assert set(names.split(", ")) <= sys.stdlib_module_names
    assert "from " not in [line[:5] for line in source.splitlines()]


def test_a_signed_chain_passes(tmp_path: Path, signed: Signed) -> None:
    ended = typed(tmp_path, *signed)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("5 lines, unbroken, signed until line 5 of ")


def test_a_changed_one_does_not(tmp_path: Path, signed: Signed) -> None:
    signed.chain.write_bytes(signed.chain.read_bytes().replace(b"allowed", b"blocked", 1))
    ended = typed(tmp_path, *signed)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "OFF: what follows line 1" in ended.stderr


def test_without_a_key_or_a_signed_head_it_vouches_for_nothing(tmp_path: Path, signed: Signed) -> None:
    ended = typed(tmp_path, signed.chain, signed.anchors)
    assert (ended.returncode, ended.stdout) == (2, "5 lines, unbroken, no signature checked\n")
    signed.anchors.write_bytes(b"")
    assert typed(tmp_path, *signed).returncode == 2


def test_every_byte_is_held(signed: Signed) -> None:
    chain, anchors, draw = signed.chain.read_bytes(), signed.anchors.read_bytes(), random.Random(3)
    for whole, other in ((chain, anchors), (anchors, chain)):
        for at in draw.sample(range(len(whole)), 250):
            one, inserted = bytes([whole[at] ^ (1 << draw.randrange(8))]), bytes([draw.randrange(256)])
            edited = whole[:at] + draw.choice([one + whole[at + 1 :], whole[at + 1 :], inserted + whole[at:]])
            if edited == whole:
                continue
            with pytest.raises(SystemExit, match="OFF"):
                said(*((edited, other) if whole is chain else (other, edited)), signed.key)
    for tail in (b"x", b"\n", b" "):
        with pytest.raises(SystemExit, match="OFF"):
            said(chain + tail, anchors, signed.key)
        with pytest.raises(SystemExit, match="OFF"):
            said(chain, anchors + tail, signed.key)
    assert said(chain, anchors, signed.key).startswith("5 lines, unbroken, signed")


def test_a_rewritten_and_a_shortened_chain(signed: Signed) -> None:
    anchors = signed.anchors.read_bytes()
    short = b"".join(signed.chain.read_bytes().splitlines(keepends=True)[:2])
    with pytest.raises(SystemExit, match="ends at line 2, but was signed until line 5"):
        said(short, anchors, signed.key)
    other = numbered(signed.chain.parent.parent / "other", 5)
    rewritten(other, b"api.example", b"api.innocent")
    assert said(other.read_bytes(), b"", signed.key).startswith("5 lines, unbroken, no signature")  # the control
    with pytest.raises(SystemExit, match="line 5 is not the line that was signed"):
        said(other.read_bytes(), anchors, signed.key)


def test_the_signature_check_agrees_with_openssl(tmp_path: Path) -> None:
    """RFC 8032 as both libraries read it; a signature with the order added to its scalar is refused by both."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    for number in range(8):
        folder = tmp_path / str(number)
        write_chain(folder, *[decision()] * (number + 1))
        public = new_key(folder / "k.pem")
        line = sign(head_to_sign(folder, "destek").text(), folder / "k.pem")
        found = verifier.ANCHOR.fullmatch(line)
        assert found is not None
        assert verifier.is_signed(found)
        scalar = int.from_bytes(bytes.fromhex(found[6].decode())[32:], "little") + verifier.ORDER
        doubled = line.replace(found[6][64:], scalar.to_bytes(32, "little").hex().encode())
        again = verifier.ANCHOR.fullmatch(doubled)
        assert again is not None
        assert not verifier.is_signed(again)
        other = Ed25519PrivateKey.generate().sign(found[1] + b"}\n").hex().encode()
        forged = verifier.ANCHOR.fullmatch(line.replace(found[6], other))
        assert forged is not None
        assert not verifier.is_signed(forged)
        assert public.encode() == found[5]


def test_lines_of_every_shape_are_read(tmp_path: Path) -> None:
    """Quotes, backslashes and Turkish letters in what an operator or a recipe wrote."""
    reason = 'contract: "İş" \\ sözleşmesi }\n ğ'
    path = write_chain(tmp_path, decision(reason=reason), decision(cleaned="redacted", declassified=True))
    assert said(path.read_bytes(), b"").startswith("2 lines, unbroken")


def test_a_torn_line_that_was_whole_but_for_its_newline(tmp_path: Path) -> None:
    path = numbered(tmp_path, 3)
    path.write_bytes(path.read_bytes()[:-1])
    (tmp_path / ".audit.head").unlink()
    audit = Audit(tmp_path)
    audit.append([decision()])
    audit.close()
    assert said(path.read_bytes(), b"").startswith("4 lines, unbroken")
