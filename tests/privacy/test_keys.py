"""Which key may be shown to whom: a copied recipe sends none of the environment's secrets anywhere."""

from __future__ import annotations

import pytest

from imbik.core.errors import UsageError
from imbik.privacy.addresses import endpoint, normal
from imbik.privacy.keys import find_key
from imbik.privacy.operator import ExternalEndpoint, LocalEndpoint, Operator

THERE, HERE = normal("93.184.216.34"), normal("10.0.0.5")
LISTED = Operator(
    external=(ExternalEndpoint(host="api.example.com", contract="c", keys=("STRIPE_API_KEY",)),),
    local=(LocalEndpoint(host="10.0.0.5", ports=(8000,), attestation="a", keys=("VLLM_API_KEY",)),),
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of several owners."""
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY", "STRIPE_API_KEY", "VLLM_API_KEY", "IMBIK_MINE"):
        monkeypatch.setenv(name, "gizli")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("OPENAI_API_KEY", "https://api.openai.com/v1"),
        ("GROQ_API_KEY", "https://api.groq.com/openai/v1"),
        ("IMBIK_MINE", "https://evil.example/v1"),
        ("STRIPE_API_KEY", "https://api.example.com/v1"),
    ],
)
def test_where_a_key_may_go(name: str, url: str) -> None:
    assert find_key(name, endpoint(url), THERE, LISTED) == "gizli"


def test_a_local_line_names_its_keys_too() -> None:
    here = endpoint("http://10.0.0.5:8000/v1")
    assert find_key("VLLM_API_KEY", here, HERE, LISTED) == "gizli"
    with pytest.raises(UsageError, match=r"keys: \[STRIPE_API_KEY\]"):
        find_key("STRIPE_API_KEY", here, HERE, LISTED)


@pytest.mark.parametrize(
    ("name", "url", "operator"),
    [
        ("STRIPE_API_KEY", "https://evil.example/v1", Operator()),
        ("STRIPE_API_KEY", "https://evil.example/v1", LISTED),
        ("STRIPE_API_KEY", "https://api.openai.com/v1", Operator()),
        ("OPENAI_API_KEY", "https://evil.example/v1", Operator()),
        ("OPENAI_API_KEY", "https://api.example.com/v1", LISTED),
        ("VLLM_API_KEY", "https://api.example.com/v1", LISTED),
    ],
)
def test_where_none_goes_and_what_to_do(name: str, url: str, operator: Operator) -> None:
    with pytest.raises(UsageError, match="on a recipe's word") as error:
        find_key(name, endpoint(url), THERE, operator)
    assert f"export IMBIK_{name}=…" in error.value.next
    assert f"keys: [{name}]" in error.value.next
    assert "gizli" not in str(error.value)


def test_the_hubs_token_is_for_a_push_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMBIK_HF_TOKEN", "gizli")
    for url in ("https://evil.example/v1", "https://huggingface.co"):
        with pytest.raises(UsageError, match="`imbik push` alone") as error:
            find_key("IMBIK_HF_TOKEN", endpoint(url), THERE, LISTED)
        assert "gizli" not in str(error.value)
        assert find_key("IMBIK_HF_TOKEN", endpoint(url), THERE, Operator(), push=True) == "gizli"
