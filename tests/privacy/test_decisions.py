"""What an operator's file says, over every level, way of cleaning and endpoint: what holds whatever the file is."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from imbik.core.questions import Cleaned
from imbik.core.types import Sensitivity
from imbik.privacy.addresses import endpoint, normal
from imbik.privacy.decisions import FOLDER, IN_PROCESS, KEY, RECORDED, Decision, Place, decide
from imbik.privacy.operator import ExternalEndpoint, LocalEndpoint, Operator

LEVELS, WAYS = tuple(Sensitivity), tuple(get_args(Cleaned))
HOST = "api.example.com"


def place(url: str, address: str = "93.184.216.34") -> Place:
    """An endpoint with the address really connected to."""
    return Place("endpoint", endpoint(url), normal(address))


def said(
    operator: Operator, level: Sensitivity, where: Place, cleaned: Cleaned = "", *, raised: bool = False
) -> Decision:
    """What is decided."""
    return decide(operator, (level, where, cleaned, raised), "")


def operators() -> list[Operator]:
    """Every pair of levels that an endpoint may accept, as they are and cleaned."""
    accepted = LEVELS[:-1]  # a file cannot accept special rows
    return [
        Operator(external=(ExternalEndpoint(host=HOST, contract="s", accepts=plain, accepts_cleaned=cleaned),))
        for plain, cleaned in product(accepted, accepted)
        if cleaned.rank >= plain.rank
    ]


@pytest.mark.parametrize("operator", [Operator(), *operators()])
def test_no_file_lets_a_higher_level_where_a_lower_one_may_not_go(operator: Operator) -> None:
    for cleaned, url in product(WAYS, (f"https://{HOST}/v1", f"http://{HOST}/v1", "https://baska.example.com/v1")):
        allowed = [said(operator, level, place(url), cleaned).allowed for level in LEVELS]
        assert allowed == sorted(allowed, reverse=True)
        assert not allowed[-1]  # special rows leave under no contract, cleaned or not


@pytest.mark.parametrize("operator", operators())
def test_cleaning_opens_what_the_file_says_and_closes_nothing(operator: Operator) -> None:
    (listed,), where = operator.external, place(f"https://{HOST}/v1")
    for level in LEVELS[:-1]:
        assert said(operator, level, where).allowed == (level.rank <= listed.accepts.rank)
        for cleaned in WAYS[1:]:
            assert said(operator, level, where, cleaned).allowed == (level.rank <= listed.accepts_cleaned.rank)


def test_what_may_go_cleaned_is_told_that_it_lacks_encryption_and_not_to_be_called_public() -> None:
    listed = ExternalEndpoint(host=HOST, ports=(80,), contract="s", accepts_cleaned=Sensitivity.CONFIDENTIAL)
    for cleaned in WAYS:
        decision = said(Operator(external=(listed,)), Sensitivity.CONFIDENTIAL, place(f"http://{HOST}/v1"), cleaned)
        assert not decision.allowed
        assert "https only" in decision.reason
        assert "public" not in decision.reason
        assert decision.key != KEY


def test_rows_that_are_not_public_leave_encrypted_only() -> None:
    operator = Operator(
        external=(ExternalEndpoint(host=HOST, ports=(80, 443), contract="s", accepts=Sensitivity.INTERNAL),)
    )
    assert said(operator, Sensitivity.INTERNAL, place(f"https://{HOST}/v1")).allowed
    refused = said(operator, Sensitivity.INTERNAL, place(f"http://{HOST}/v1"))
    assert (refused.allowed, "https only" in refused.reason) == (False, True)
    assert said(operator, Sensitivity.PUBLIC, place(f"http://{HOST}/v1")).allowed


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_local_is_the_address_not_the_name(level: Sensitivity) -> None:
    operator = Operator(local=(LocalEndpoint(host="10.0.0.7", ports=(8000,), attestation="bizim"),))
    assert said(operator, level, place("http://10.0.0.7:8000/v1", "10.0.0.7")).reason == "local: bizim"
    for moved in ("8.8.8.8", "10.0.0.8"):
        assert said(operator, level, place("http://10.0.0.7:8000/v1", moved)).allowed == (level is Sensitivity.PUBLIC)
    assert not said(operator, level, place("http://10.0.0.7:8000/v1", "169.254.169.254")).allowed


@pytest.mark.parametrize("level", LEVELS)
def test_what_stays_here_needs_nobodys_word_and_an_endpoint_without_an_address_is_none(level: Sensitivity) -> None:
    closed = Operator(unlisted="nothing")
    assert all(said(closed, level, where).allowed for where in (IN_PROCESS, RECORDED, FOLDER))
    assert not said(closed, level, Place("endpoint", endpoint(f"https://{HOST}/v1"))).allowed


def test_the_key_is_told_only_where_setting_it_would_help() -> None:
    where = place(f"https://{HOST}/v1")
    plain = said(Operator(), Sensitivity.CONFIDENTIAL, where)
    assert plain.key == KEY
    assert f"set {KEY}: public" in plain.reason
    raised = said(Operator(), Sensitivity.CONFIDENTIAL, where, raised=True)
    assert f"set {KEY}" not in raised.reason
    marked = decide(Operator(), (Sensitivity.CONFIDENTIAL, where, "", False), "gizlilik")
    assert "Column 'gizlilik'" in marked.reason
