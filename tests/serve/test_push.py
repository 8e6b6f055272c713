"""Weights leave as rows do: where the operator's file says so, with an audit line, past no redirect and no proxy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from fake_hub import FakeHub
from imbik.core.errors import BlockedError, RunFolderError, TeacherUnreachableError, UsageError
from imbik.export.stage import ExportStage
from imbik.privacy.account import what_left
from imbik.privacy.audit import AuditLine, read_audit
from imbik.serve.push import push
from small_runs import SmallRun


@pytest.fixture(scope="module")
def confidential(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    small = SmallRun(tmp_path_factory.mktemp("run"), sensitivity="confidential")
    small.stage(ExportStage())
    return small


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    small = SmallRun(tmp_path_factory.mktemp("run"), sensitivity="public")
    small.stage(ExportStage())
    return small


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("IMBIK_HF_TOKEN", "gizli-jeton-1234")
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    return "gizli-jeton-1234"


def operator(text: str) -> None:
    """Write the user's own operator's file."""
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "imbik" / "operator.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def local(*ports: int) -> str:
    return f"local: [{{host: 127.0.0.1, ports: {list(ports)}, attestation: our own hub}}]"


def lines(small: SmallRun) -> list[AuditLine]:
    return [line for line in read_audit(small.run.path / "audit.jsonl") if line.purpose == "push"]


def test_confidential_weights_go_to_no_hub_that_is_not_listed(confidential: SmallRun) -> None:
    with FakeHub() as hub:
        with pytest.raises(BlockedError, match="confidential rows may not go to"):
            push(confidential.run, "hub:org/name", hub=hub.url)
        assert hub.requests == []
    assert (lines(confidential)[-1].verdict, lines(confidential)[-1].sensitivity) == ("blocked", "confidential")


def test_a_listed_hub_gets_every_file_as_it_was_proved(confidential: SmallRun, token: str) -> None:
    with FakeHub() as hub:
        operator(local(hub.port, hub.storage_port))
        done = push(confidential.run, "hub:org/name", hub=hub.url)
        folder = confidential.run.path / "7_export" / "safetensors"
        assert hub.files == {path.name: path.read_bytes() for path in folder.iterdir()}
        assert done.files == len(hub.files)
        told = {request[2] for request in hub.requests if request[0] != "PUT"}
        assert told == {f"Bearer {token}"}
        assert {request[2] for request in hub.requests if request[0] == "PUT"} == {""}  # the storage is another host
    assert [line.verdict for line in lines(confidential)][-2:] == ["allowed", "allowed"]
    assert "1 export was sent to http://127.0.0.1" in what_left(confidential.run.path)


def test_a_storage_that_is_not_listed_gets_nothing_though_the_hub_is(confidential: SmallRun) -> None:
    with FakeHub() as hub:
        operator(local(hub.port))
        with pytest.raises(BlockedError, match="the hub stores files there") as caught:
            push(confidential.run, "hub:org/name", hub=hub.url)
        assert str(hub.storage_port) in caught.value.where
        assert hub.stored == {}


def test_public_weights_may_go_anywhere_but_over_a_redirect(public: SmallRun) -> None:
    with FakeHub(redirect=True) as hub, pytest.raises(TeacherUnreachableError, match="the hub refuses"):
        push(public.run, "hub:org/name", hub=hub.url)
    with FakeHub() as hub:
        assert push(public.run, "hub:org/name", hub=hub.url).size > 1000


def test_confidential_weights_never_make_a_public_repository(confidential: SmallRun) -> None:
    with pytest.raises(BlockedError, match="go to no public repository"):
        push(confidential.run, "hub:org/name", public=True)


def test_a_folder_of_this_machine_gets_a_copy_and_an_audit_line(confidential: SmallRun, tmp_path: Path) -> None:
    push(confidential.run, str(tmp_path / "yeni" / "model"))
    assert (tmp_path / "yeni" / "model" / "model.safetensors").stat().st_mode & 0o777 == 0o600
    assert lines(confidential)[-1].reason == "stays on this machine"
    with pytest.raises(UsageError, match="none is overwritten"):
        push(confidential.run, str(tmp_path / "yeni" / "model"))


class Mount(NamedTuple):
    """What psutil says of a mounted file system."""

    device: str
    mountpoint: str
    fstype: str


@pytest.mark.parametrize(
    ("device", "kind", "port"),
    [
        ("10.9.8.7:/export", "nfs4", 2049),
        ("//10.9.8.7/paylasim", "cifs", 445),
        ("ayse@10.9.8.7:/srv", "fuse.sshfs", 22),
        ("[fd00::7]:/export", "nfs", 2049),
    ],
)
def test_a_folder_on_a_server_is_a_remote_path(
    confidential: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, kind: str, port: int
) -> None:
    share = tmp_path / "paylasim"
    share.mkdir()
    mounts = [Mount("/dev/vda", "/", "ext4"), Mount(device, str(share), kind)]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)
    with pytest.raises(BlockedError, match="The folder lies on"):
        push(confidential.run, str(share / "model"))
    assert not (share / "model").exists()
    operator(
        f"local: [{{host: 10.9.8.7, port: {port}, attestation: a}}, {{host: 'fd00::7', port: {port}, attestation: a}}]"
    )
    push(confidential.run, str(share / "model"))
    assert (share / "model" / "model.safetensors").exists()


def test_a_network_file_system_of_an_unknown_server_gets_nothing(
    confidential: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: [Mount("kova", str(tmp_path), "fuse.s3fs")])
    with pytest.raises(UsageError, match="whose server cannot be told"):
        push(confidential.run, str(tmp_path / "model"))


def test_an_export_that_was_changed_is_not_handed_over(public: SmallRun, tmp_path: Path) -> None:
    card = public.run.path / "7_export" / "safetensors" / "README.md"
    before = card.read_text()
    card.write_text(before + "x")
    try:
        with pytest.raises(RunFolderError, match="not what was proved"):
            push(public.run, str(tmp_path / "model"))
    finally:
        card.write_text(before)


@pytest.mark.parametrize("text", ["hub:name", "hub:a/b/c", "s3://kova/x", "https://a.com/x"])
def test_what_is_no_destination_is_said(public: SmallRun, text: str) -> None:
    with pytest.raises(UsageError, match="hub"):
        push(public.run, text)
