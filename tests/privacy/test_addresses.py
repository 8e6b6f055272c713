"""One host, one spelling: everything that programs read differently is refused."""

from __future__ import annotations

import pytest

from imbik.core.errors import UsageError
from imbik.privacy.addresses import endpoint, network, normal, refusal


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://API.OpenAI.com/v1", "https://api.openai.com:443"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/v1", "http://[::1]:8000"),
        ("https://example.com./v1", "https://example.com:443"),
        ("https://örnek.com.tr/v1", "https://xn--rnek-4qa.com.tr:443"),
    ],
)
def test_an_endpoint_is_scheme_host_and_port(url: str, text: str) -> None:
    assert str(endpoint(url)) == text


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/v1",
        "http://0x7f.1/v1",
        "http://0x7f000001/v1",
        "http://127.1/v1",
        "http://0177.0.0.1/v1",
        "http://1.2.3.4.5/v1",
        "http://user:pass@example.com/v1",
        "http://user@example.com/v1",
        "ftp://example.com/v1",
        "file:///etc/passwd",
        "example.com/v1",
        "http:///v1",
        "http://exa mple.com/v1",
        "http://a_b..c/v1",
        "",
    ],
)
def test_odd_urls_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        endpoint(url)


def test_a_password_in_a_url_is_not_said_again() -> None:
    with pytest.raises(UsageError) as error:
        endpoint("http://ali:gizli@example.com/v1")
    assert "gizli" not in str(error.value)


def test_mapped_addresses_are_the_addresses_they_map() -> None:
    assert str(normal("::ffff:8.8.8.8")) == "8.8.8.8"
    assert str(endpoint("http://[::ffff:127.0.0.1]:80/").literal) == "127.0.0.1"


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0", "::", "169.254.169.254", "fe80::1", "224.0.0.1", "255.255.255.255", "fd00:ec2::254", "100.100.100.200"],
)
def test_addresses_that_are_never_spoken_to(text: str) -> None:
    assert refusal(normal(text))


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.5", "8.8.8.8", "::1", "2606:4700::1111"])
def test_ordinary_addresses_are_left_to_the_operator(text: str) -> None:
    assert not refusal(normal(text))


def test_a_network_is_told_from_a_name() -> None:
    assert str(network("10.0.0.0/24")) == "10.0.0.0/24"
    assert str(network("::ffff:10.0.0.5")) == "10.0.0.5/32"
    assert network("gpu1.lan") is None
