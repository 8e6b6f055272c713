"""Ed25519 keys (RFC 8032): made, read, written as a line of the operator's file; signatures made and checked.

Enters: key files and bytes to sign. Leaves: signatures, and the word whether one is right. The private key is PEM
(PKCS 8), which other programs read too; the public one is `ed25519:` and the base64 of its 32 bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.core.errors import InputError, OperatorFileError, UsageError
from imbik.core.files import disk_errors

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PREFIX = "ed25519:"


def fingerprint(key: str) -> str:
    """Sixteen hex digits of a public key's SHA-256."""
    return hashlib.sha256(public_bytes(key)).hexdigest()[:16]


def public_bytes(key: str) -> bytes:
    """The 32 bytes of `ed25519:BASE64`.

    Raises: OperatorFileError when it is no such key.
    """
    try:
        data = base64.b64decode(key.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not key.startswith(_PREFIX) or len(data) != 32 or _named(data) != key:
        raise OperatorFileError(
            f"'{key}' is no public key of an anchor",
            where="anchors",
            next="write the line that `imbik privacy key new FILE` printed: ed25519: and 44 characters",
        )
    return data


def new_key(file: Path) -> str:
    """Make a key pair: the private one as PEM (PKCS 8, mode 0600) in a new file; returns the public `ed25519:BASE64`.

    Raises: UsageError when the file is there already.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with disk_errors(file), open(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
            stream.write(data)
    except FileExistsError:
        raise UsageError("there is a file of this name already", where=str(file), next="name another") from None
    except OSError as error:
        raise UsageError(f"the key cannot be written: {error.strerror}", where=str(file)) from None
    return _named(key.public_key().public_bytes_raw())


def sign_bytes(data: bytes, key_file: Path) -> tuple[str, bytes]:
    """The public key as text, and its signature of the data (64 bytes).

    Raises: UsageError when the file holds no private Ed25519 key.
    """
    key = _private(key_file)
    return _named(key.public_key().public_bytes_raw()), key.sign(data)


def signed_by(key: str, signature: bytes, data: bytes) -> bool:
    """Whether the key of this public text made the signature of the data.

    Raises: OperatorFileError when the text is no public key.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = public_bytes(key)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _private(file: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise UsageError(f"the key cannot be read: {error.strerror}", where=str(file)) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(
            "this is no private Ed25519 key (PEM, without a password)",
            where=str(file),
            next="imbik privacy key new FILE makes one",
        )
    return key


def signature_bytes(data: bytes) -> bytes:
    """A signature's 64 bytes, given raw or as hex or base64 with white space around.

    Raises: InputError.
    """
    if len(data) == 64:
        return data
    text = b"".join(data.split())
    for read in (binascii.unhexlify, lambda item: base64.b64decode(item, validate=True)):
        try:
            found = read(text)
        except (binascii.Error, ValueError):
            continue
        if len(found) == 64:
            return found
    raise InputError("this is no Ed25519 signature (64 bytes, or hex or base64 of them)")


def _named(public: bytes) -> str:
    return _PREFIX + base64.b64encode(public).decode()
