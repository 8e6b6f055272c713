"""The gate's table, its failures (always no), and that every decision leaves a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.types import Sensitivity
from imbik.privacy.addresses import endpoint, normal
from imbik.privacy.audit import Audit, read_audit
from imbik.privacy.decisions import IN_PROCESS, KEY, RECORDED, Place
from imbik.privacy.gate import Asked, Gate
from imbik.privacy.operator import ExternalEndpoint, LocalEndpoint, Operator

LEVELS = list(Sensitivity)
OPERATOR = Operator(
    local=(LocalEndpoint(host="10.0.0.0/24", ports=(8000,), attestation="ours"),),
    external=(
        ExternalEndpoint(host="api.example.com", contract="c", accepts=Sensitivity.CONFIDENTIAL),
        ExternalEndpoint(host="plain.example.com", ports=(80,), contract="c", accepts=Sensitivity.INTERNAL),
    ),
    hash="ab12",
)


def place(url: str, address: str) -> Place:
    """An endpoint as the transport sees it just before sending."""
    return Place("endpoint", endpoint(url), normal(address))


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate with an operator's file."""
    return Gate(OPERATOR, Audit(tmp_path))


@pytest.mark.parametrize(
    ("url", "address", "allowed"),
    [
        ("http://10.0.0.7:8000/v1", "10.0.0.7", LEVELS),
        ("http://10.0.0.7:8001/v1", "10.0.0.7", LEVELS[:1]),
        ("http://10.0.0.7:8000/v1", "8.8.8.8", LEVELS[:1]),
        ("http://127.0.0.1:8000/v1", "127.0.0.1", LEVELS[:1]),
        ("https://api.example.com/v1", "93.184.216.34", LEVELS[:3]),
        ("http://plain.example.com/v1", "93.184.216.34", LEVELS[:1]),
        ("https://api.openai.com/v1", "93.184.216.34", LEVELS[:1]),
        ("http://169.254.169.254/v1", "169.254.169.254", []),
        ("https://api.example.com/v1", "0.0.0.0", []),
    ],
)
def test_the_table(gate: Gate, url: str, address: str, allowed: list[Sensitivity]) -> None:
    found = [level for level in LEVELS if gate.foresee(level, place(url, address)).allowed]
    assert found == allowed


def test_without_an_operators_file_only_public_rows_leave(tmp_path: Path) -> None:
    bare = Gate(Operator(), Audit(tmp_path))
    target = place("http://127.0.0.1:8000/v1", "127.0.0.1")
    assert [level for level in LEVELS if bare.foresee(level, target).allowed] == [Sensitivity.PUBLIC]


def test_an_operator_may_close_every_other_endpoint(tmp_path: Path) -> None:
    strict = Gate(OPERATOR.model_copy(update={"unlisted": "nothing"}), Audit(tmp_path))
    assert not strict.foresee(Sensitivity.PUBLIC, place("https://api.openai.com/v1", "93.184.216.34")).allowed
    assert strict.foresee(Sensitivity.PUBLIC, place("https://api.example.com/v1", "93.184.216.34")).allowed


def test_memory_and_recorded_answers_need_no_attestation_but_leave_a_line(tmp_path: Path, gate: Gate) -> None:
    for where in (IN_PROCESS, RECORDED):
        assert gate.decide(Sensitivity.SPECIAL, where, rows=("satir-1",), purpose="generate").allowed
    lines = list(read_audit(tmp_path / "audit.jsonl"))
    assert [line.place for line in lines] == ["in_process", "recorded"]
    assert {line.operator for line in lines} == {"ab12"}
    assert {line.verdict for line in lines} == {"allowed"}


def test_a_blocked_row_says_which_key_to_set_and_what_that_means(gate: Gate) -> None:
    decision = gate.foresee(Sensitivity.CONFIDENTIAL, place("https://api.openai.com/v1", "93.184.216.34"))
    assert not decision.allowed
    assert decision.key == KEY
    assert "tasks.sensitivity: public" in decision.reason
    assert "leave this machine" in decision.reason


def test_a_row_that_was_raised_is_not_told_to_be_called_public(tmp_path: Path) -> None:
    gate = Gate(OPERATOR, Audit(tmp_path), said=Sensitivity.PUBLIC)
    target = place("https://api.openai.com/v1", "93.184.216.34")
    raised = gate.weigh(Asked(Sensitivity.CONFIDENTIAL, ("r",)), target)
    assert "sensitivity: public" not in raised.reason
    assert "declassify" in raised.reason


def test_an_untrusted_file_beside_the_recipe_is_named_where_rows_are_blocked(tmp_path: Path) -> None:
    gate = Gate(Operator(ignored="/w/operator.yaml"), Audit(tmp_path))
    reason = gate.foresee(Sensitivity.SPECIAL, place("http://10.0.0.7:8000/v1", "10.0.0.7")).reason
    assert "imbik privacy trust /w/operator.yaml" in reason


def test_any_exception_while_deciding_means_blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(Operator, "local_for", broken)
    gate = Gate(Operator(), Audit(tmp_path))
    target = place("http://127.0.0.1:8000/v1", "127.0.0.1")
    decision = gate.decide(Sensitivity.PUBLIC, target, rows=("r",), purpose="generate")
    assert not decision.allowed
    assert [line.verdict for line in read_audit(tmp_path / "audit.jsonl")] == ["blocked"]


def test_a_decision_that_cannot_be_written_down_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = Audit(tmp_path)

    def broken(*_: object) -> None:
        raise ValueError("boom")

    monkeypatch.setattr(audit, "append", broken)
    assert not Gate(Operator(), audit).decide(Sensitivity.PUBLIC, IN_PROCESS, rows=("r",), purpose="x").allowed


def test_an_endpoint_without_an_address_is_refused(gate: Gate) -> None:
    assert not gate.foresee(Sensitivity.PUBLIC, Place("endpoint", endpoint("https://a.com/"))).allowed


def test_the_chain_holds_attestations_and_contracts_in_full(tmp_path: Path) -> None:
    operator = Operator(
        local=(LocalEndpoint(host="10.0.0.7", ports=(8000,), attestation="our room (inventory 12), forwards nowhere"),),
        external=(ExternalEndpoint(host="api.example.com", contract="standart sözleşme (2026/114)"),),
    )
    gate = Gate(operator, Audit(tmp_path))
    for target in (
        place("http://10.0.0.7:8000/v1", "10.0.0.7"),
        place("https://api.example.com/v1", "93.184.216.34"),
        place("https://api.openai.com/v1", "93.184.216.34"),
    ):
        gate.decide(Sensitivity.CONFIDENTIAL, target, rows=("a",), purpose="generation")
        gate.decide(Sensitivity.PUBLIC, target, rows=("a",), purpose="generation")
    reasons = [line.reason for line in read_audit(tmp_path / "audit.jsonl")]
    assert "local: our room (inventory 12), forwards nowhere" in reasons
    assert "contract: standart sözleşme (2026/114)" in reasons
    assert "confidential rows may not go to https://api.openai.com:443" in reasons
