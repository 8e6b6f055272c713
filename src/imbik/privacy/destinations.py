"""Where weights and files are handed over to: a model hub, a folder of this machine, or one that lies on another.

Enters: a destination as a person types it. Leaves: the endpoint it really is, or None for a folder of this machine. A
folder on a network file system is a remote path: the server's name decides, as for any endpoint. What cannot be told
counts as remote and unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psutil

from imbik.core.errors import UsageError
from imbik.privacy.addresses import Endpoint, endpoint, normal

HUB = "https://huggingface.co"
_REPO = re.compile(r"^[\w.-]+/[\w.-]+$")
_PORTS = {"nfs": 2049, "nfs4": 2049, "cifs": 445, "smb3": 445, "smbfs": 445, "fuse.sshfs": 22, "9p": 564, "afs": 7000}
_REMOTE = {*_PORTS, "ceph", "glusterfs", "lustre", "beegfs", "davfs", "ncpfs"}
_HERE = {"fuseblk", "fuse.portal", "fuse.fuse-overlayfs", "fusectl"}  # FUSE file systems of this machine's own disks
_SERVER = re.compile(r"^(?://|\\\\)?(?:[^@/]*@)?(?P<host>\[[0-9a-fA-F:.]+\]|[\w.-]+)(?=[:/\\])")


@dataclass(frozen=True)
class Destination:
    """One place to hand files to. `repo` is set for a hub, `folder` for a path; `endpoint` is None on this machine."""

    text: str
    endpoint: Endpoint | None
    repo: str = ""
    folder: Path | None = None


def destination(text: str, hub: str = HUB) -> Destination:
    """What a person typed: `hub:ORGANISATION/NAME`, or a folder.

    Raises: UsageError for other addresses, and for a folder on a server whose name cannot be told.
    """
    kind, _, rest = text.partition(":")
    if kind == "hub":
        if not _REPO.match(rest):
            raise UsageError(f"'{rest:.80}' is no hub id", where=text, next="write hub:ORGANISATION/NAME")
        return Destination(text, endpoint(hub), repo=rest)
    if "://" in text:
        raise UsageError(
            "weights are handed to hub:ORGANISATION/NAME or to a folder, also one that lies on a server and is mounted",
            where=text,
        )
    folder = Path(text).expanduser().absolute()
    return Destination(text, _server_of(folder), folder=folder)


def _server_of(folder: Path) -> Endpoint | None:
    """The server of the network file system that holds a folder, None where its disk is this machine's."""
    there = next(path for path in (folder, *folder.parents) if path.exists()).resolve()
    mounts = [part for part in psutil.disk_partitions(all=True) if there.is_relative_to(part.mountpoint)]
    mount = max(mounts, key=lambda part: len(part.mountpoint), default=None)
    if mount is None or not _is_remote(mount.fstype):
        return None
    found = _SERVER.match(mount.device)
    if found is None:
        raise UsageError(
            f"{mount.mountpoint} lies on a network file system ({mount.fstype}) whose server cannot be told",
            where=str(folder),
            next="hand the weights to a folder of this machine",
        )
    host = found["host"].strip("[]").lower()
    try:
        literal = normal(host)
    except ValueError:
        literal = None
    return Endpoint(mount.fstype.removeprefix("fuse."), host, _PORTS.get(mount.fstype, 0) or 1, literal)


def _is_remote(kind: str) -> bool:
    """Whether a kind of file system lies on another machine; unknown ones of FUSE count as such."""
    return kind in _REMOTE or (kind.startswith("fuse") and kind not in _HERE)
