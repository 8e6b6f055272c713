"""Exactly one operator's file holds, by one precedence, and nothing beside a recipe holds without trust."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imbik.core.errors import OperatorFileError
from imbik.core.types import Sensitivity
from imbik.privacy import operator as module
from imbik.privacy.addresses import endpoint, normal
from imbik.privacy.operator import Operator, load_operator, read_operator
from imbik.privacy.trust import config_folder, note_origin, trust


def write(path: Path, name: str) -> Path:
    """An operator's file that can be told apart by its one contract."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"external: [{{host: a.com, contract: {name}}}]\n", encoding="utf-8")
    return path


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where /etc/imbik/operator.yaml would be."""
    path = tmp_path / "etc" / "operator.yaml"
    monkeypatch.setattr(module, "SYSTEM_FILE", path)
    return path


@pytest.fixture
def folder(tmp_path: Path, system: Path) -> Path:
    """A recipe's folder."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def holder(folder: Path) -> str:
    """What the file that holds is called."""
    return ",".join(line.contract for line in load_operator(folder).external)


def test_precedence_is_etc_then_environment_then_beside_then_own(
    tmp_path: Path, folder: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_operator(folder) == Operator()
    write(config_folder() / "operator.yaml", "own")
    assert holder(folder) == "own"
    trust(write(folder / "operator.yaml", "beside"))
    assert holder(folder) == "beside"
    monkeypatch.setenv("IMBIK_OPERATOR", str(write(tmp_path / "named.yaml", "named")))
    assert holder(folder) == "named"
    write(system, "etc")
    assert holder(folder) == "etc"


def test_one_beside_the_recipe_is_ignored_and_named_until_it_is_trusted(folder: Path) -> None:
    beside = write(folder / "operator.yaml", "beside")
    operator = load_operator(folder)
    assert operator.external == ()
    assert operator.ignored == str(beside)
    assert trust(beside) == load_operator(folder).hash
    assert holder(folder) == "beside"


def test_a_changed_hash_revokes_trust(folder: Path) -> None:
    beside = write(folder / "operator.yaml", "beside")
    trust(beside)
    write(beside, "somebody-else")
    with pytest.raises(OperatorFileError, match="changed since it was trusted") as error:
        load_operator(folder)
    assert f"imbik privacy trust {beside}" in str(error.value)


@pytest.mark.parametrize("spelling", ["plain", "dots", "link"])
def test_the_environment_is_no_way_around_trust(
    folder: Path, tmp_path: Path, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = write(folder / "kurallar.yaml", "beside")
    link = tmp_path / "link.yaml"
    link.symlink_to(beside)
    named = {"plain": beside, "dots": folder / ".." / "work" / "kurallar.yaml", "link": link}[spelling]
    monkeypatch.setenv("IMBIK_OPERATOR", str(named))
    with pytest.raises(OperatorFileError, match="was not trusted"):
        load_operator(folder)
    trust(beside)
    assert holder(folder) == "beside"


def test_a_link_to_a_file_that_is_trusted_elsewhere_grants_nothing_here(folder: Path, tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "other" / "operator.yaml", "elsewhere")
    trust(elsewhere)
    link = folder / "operator.yaml"
    link.symlink_to(elsewhere)
    assert (holder(folder), load_operator(folder).ignored) == ("", str(link))
    trust(link)
    assert holder(folder) == "elsewhere"
    write(elsewhere, "changed")
    with pytest.raises(OperatorFileError, match="changed since it was trusted"):
        load_operator(folder)


def test_a_run_folder_is_held_by_the_file_beside_the_recipe_that_made_it(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "destek"
    run.mkdir(parents=True)
    write(config_folder() / "operator.yaml", "own")
    trust(write(folder / "operator.yaml", "beside"))
    note_origin(run, folder)
    assert holder(run) == "beside"
    shutil.copytree(run, tmp_path / "runs" / "kopya")  # nothing in a run folder says which file holds for it
    assert holder(tmp_path / "runs" / "kopya") == "own"
    write(folder / "operator.yaml", "somebody-else")
    with pytest.raises(OperatorFileError, match="changed since it was trusted"):
        load_operator(run)
    next((config_folder() / "runs").iterdir()).write_text("{")
    with pytest.raises(OperatorFileError, match="cannot be read"):
        load_operator(run)


def test_the_environment_names_no_untrusted_file_beside_a_runs_recipe(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "runs" / "destek"
    run.mkdir(parents=True)
    note_origin(run, folder)
    monkeypatch.setenv("IMBIK_OPERATOR", str(write(folder / "kurallar.yaml", "beside")))
    with pytest.raises(OperatorFileError, match="was not trusted"):
        load_operator(run)


def test_a_named_or_system_file_that_cannot_be_used_never_falls_through(
    folder: Path, tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config_folder() / "operator.yaml", "own")
    monkeypatch.setenv("IMBIK_OPERATOR", str(tmp_path / "missing.yaml"))
    with pytest.raises(OperatorFileError, match="cannot be read"):
        load_operator(folder)
    system.parent.mkdir()
    system.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OperatorFileError, match="cannot be read"):
        load_operator(folder)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("local: [{host: gpu1.lan, port: 8000, attestation: ours}]", "addresses"),
        ("local: [{host: 10.0.0.5, attestation: ours}]", "ports"),
        ("local: [{host: 0.0.0.0/0, port: 443, attestation: ours}]", "own network"),
        ("local: [{host: '::/0', port: 443, attestation: ours}]", "own network"),
        ("local: [{host: a.lan, addresses: [10.0.0.5, 128.0.0.0/1], port: 443, attestation: ours}]", "own network"),
        ("local: [{host: 10.0.0.5, port: 443, attestation: ' '}]", "attestation"),
        ("external: [{host: a.com, contract: ' '}]", "contract"),
        ("external: [{host: 'https://a.com', contract: c}]", "no host as in a URL"),
        ("external: [{host: '*.a.com', contract: c}]", "no host as in a URL"),
        ("external: [{host: a.com., contract: c}]", "no host as in a URL"),
        ("external: [{host: 10.0.0.0/8, contract: c}]", "no host as in a URL"),
        ("external: [{host: a.com, contract: c, accepts: confidential}, {host: A.com, contract: d}]", "two lines"),
        ("false", "mapping"),
        ("local: [{host: 10.0.0.5, port: 8000}]", "attestation"),
        ("external: [{host: a.com, contract: c, accepts: special}]", "special rows"),
        ("external: [{host: a.com, contract: c, accepts_cleaned: special}]", "special rows"),
        ("external: [{host: a.com, contract: c, country: Ireland}]", "country"),
        ("trusted_code: [/opt]", "unknown key 'trusted_code'; known names: local, external, unlisted"),
        ("retention: {special: 0}", "retention.special"),
        ("1: 2", "unknown key '1'"),
        ("external: [{host: a.com, contract: c, keys: [gsk_9a8b7c6d5e4f3a2b1c0d]}]", "not the name of a key"),
        ("external: [{host: a.com}]", "contract"),
        ("locall: []", "did you mean 'local'"),
        ("hash: abc", "unknown key 'hash'"),
        ("local: []\nlocal: []", "written twice"),
        ("- a", "mapping"),
        ("a: [", "not valid YAML"),
        (
            "external:\n  - {host: a.com, contract: 2026-13-45}",
            "operator.yaml:2: '2026-13-45' is written as a timestamp",
        ),
        ("local: &a [*a]", "operator.yaml:1: .*would hold itself"),
        ("? [a, b]\n: c", "operator.yaml:1: a key is a list"),
        ("local: " + "[" * 3000 + "]" * 3000, "levels deep"),
        ('trusted_code: ["a\\0b"]', "NUL"),
    ],
)
def test_a_wrong_file_says_where_and_what(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "operator.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OperatorFileError, match=what) as error:
        read_operator(path)
    assert str(path) in str(error.value)
    assert "9a8b" not in str(error.value)


def test_a_file_that_anyone_may_change_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "operator.yaml", "x")
    path.chmod(0o666)
    with pytest.raises(OperatorFileError, match="anyone"):
        read_operator(path)


def test_what_counts_as_local_is_compared_with_the_address(tmp_path: Path) -> None:
    path = tmp_path / "operator.yaml"
    path.write_text(
        """
local:
  - {host: 10.0.0.0/24, ports: [8000, 8001], attestation: room}
  - {host: llm.sirket.lan, addresses: [10.0.1.7], port: 443, attestation: rack}
  - {host: localhost, port: 9000, attestation: here}
external:
  - {host: api.example.com, contract: 2026/5, accepts: internal}
""",
        encoding="utf-8",
    )
    operator = read_operator(path)

    def local(url: str, address: str) -> bool:
        return operator.local_for(endpoint(url), normal(address)) is not None

    assert local("http://10.0.0.9:8001/v1", "10.0.0.9")
    assert local("http://any.name:8000/v1", "10.0.0.9")
    assert not local("http://10.0.0.9:8002/v1", "10.0.0.9")
    assert local("https://llm.sirket.lan/v1", "10.0.1.7")
    assert not local("https://llm.sirket.lan/v1", "8.8.8.8")
    assert not local("https://other.lan/v1", "10.0.1.7")
    assert local("http://localhost:9000/v1", "127.0.0.1")
    assert not local("http://localhost:9000/v1", "93.184.216.34")
    listed = operator.external_for(endpoint("https://api.example.com/v1"))
    assert listed is not None
    assert listed.accepts is Sensitivity.INTERNAL
    assert operator.external_for(endpoint("https://evil-api.example.com/v1")) is None
