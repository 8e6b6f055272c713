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
        "http://0/v1",
        "http://017700000001/v1",
        "http://4294967295/v1",
        "http://0x7f.0.0.1/v1",
        "http://127.0.1/v1",
        "http://127.0.0.1../v1",
        "http://127。0。0。1/v1",
        "http://１２７.0.0.1/v1",
        "http://①②⑦.⓪.⓪.①/v1",
        "http://ａpi.openai.com/v1",
        "http://127%2e0%2e0%2e1/v1",
        "http://%31%32%37.0.0.1/v1",
        "http://127.0.0.1%00.evil.com/v1",
        "http://[::1%25lo]/v1",
        "http://[fe80::1%eth0]/v1",
        "http://127.0.0.1@evil.com/v1",
        "http://localhost:8000@evil.com/v1",
        "http://127.0.0.1\\@evil.com/v1",
        "http://evil.com\\.127.0.0.1/v1",
        "http://127.0.0.1#@evil.com/v1",
        "http://evil.com#@127.0.0.1/v1",
        "http://127.0.0.1\t/v1",
        "http://127.0.0.1 /v1",
        " http://127.0.0.1/v1",
        "http://127.0.0.1/v1\r\nHost: evil.com",
        "http://127.0.0.1\r\n/v1",
        "http://a.com/v1\x00",
        "http://a\u200b.com/v1",
        "http://a\u00ad.com/v1",
        "http://a.com:0/v1",
        "http://a.com:99999/v1",
        "http://a.com:80a/v1",
        "http://a.com:80:81/v1",
        "http://::1/v1",
        "http://[127.0.0.1]/v1",
        "http://[::1]evil.com/v1",
        "http:/a.com/v1",
        "http:a.com/v1",
        "//a.com/v1",
        "unix:/tmp/s",
        "unix:///tmp/s",
        "http+unix://%2Ftmp%2Fs/v1",
        "gopher://a.com/",
        "ws://a.com/v1",
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
    [
        *("0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "240.0.0.1", "255.255.255.255"),
        *("169.254.169.254", "169.254.0.1", "fe80::1", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200"),
        *("168.63.129.16", "192.0.0.192", "::ffff:169.254.169.254", "::ffff:0.0.0.0"),
        # IPv4 inside IPv6: compatible, translated, 6to4, Teredo, and NAT64 to what is not public
        *("::127.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1", "2002:7f00:1::", "2002:808:808::", "2001:0:1::1"),
        *("64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::10.0.0.5"),
    ],
)
def test_addresses_that_are_never_spoken_to(text: str) -> None:
    assert refusal(normal(text))


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.5", "8.8.8.8", "::1", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_ordinary_addresses_are_left_to_the_operator(text: str) -> None:
    assert not refusal(normal(text))


def test_a_network_is_told_from_a_name() -> None:
    assert str(network("10.0.0.0/24")) == "10.0.0.0/24"
    assert str(network("::ffff:10.0.0.5")) == "10.0.0.5/32"
    assert network("gpu1.lan") is None


def test_a_mapped_address_is_local_only_where_the_address_it_maps_is() -> None:
    found, nat = endpoint("http://[::ffff:10.0.0.5]:8000/"), normal("64:ff9b::8.8.8.8")
    assert found.literal in network("10.0.0.0/24")  # type: ignore[operator]
    assert nat not in network("8.8.8.0/24")  # type: ignore[operator] - a translator's address is not the operator's


def test_what_is_refused_is_shown_without_what_would_break_a_line() -> None:
    with pytest.raises(UsageError) as error:
        endpoint("http://127.0.0.1/v1\r\nX: y")
    assert "\r" not in str(error.value)
    assert "\\r\\n" in str(error.value)
