"""Where a page may be served: this machine without a word, others only with two, and a name for the link."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import UsageError
from imbik.web.serving import Place, listen, server


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.9"])
def test_this_machine_needs_no_word(host: str) -> None:
    Place(host).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "review.sirket.lan", ""])
def test_other_machines_need_it_to_be_said_twice(host: str) -> None:
    with pytest.raises(UsageError, match="can be reached from other machines") as raised:
        Place(host).check()
    assert "--others-may-connect" in raised.value.next
    with pytest.raises(UsageError, match="unencrypted"):
        Place(host, reachable=True).check()
    Place(host, names=("review.sirket.lan",), reachable=True, plain=True).check()


def test_every_address_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="under which name|name in the links"):
        Place("0.0.0.0", reachable=True, plain=True).check()


def test_a_certificate_needs_its_key_and_both_be_there(tmp_path: Path) -> None:
    pem = tmp_path / "a.pem"
    with pytest.raises(UsageError, match="belong together"):
        Place(certificate=pem).check()
    with pytest.raises(UsageError, match="no such file"):
        Place(certificate=pem, key=pem).check()
    pem.write_text("not a certificate")
    with pytest.raises(UsageError, match="cannot be used"):
        server(lambda *_: None, Place(certificate=pem, key=pem))  # type: ignore[arg-type]


def test_hosts_are_what_a_browser_would_say() -> None:
    assert set(Place(port=5).hosts()) == {"127.0.0.1:5", "localhost:5", "[::1]:5"}
    there = Place("0.0.0.0", 443, ("review.sirket.lan",), Path("c"), Path("k"))
    assert set(there.hosts()) == {"review.sirket.lan", "review.sirket.lan:443"}
    assert there.address == "https://review.sirket.lan:443"
    assert set(Place("::1", 80, ("a",)).hosts()) >= {"[::1]", "a", "a:80", "[::1]:80"}


def test_a_port_that_is_taken_is_said() -> None:
    place = Place(port=0)
    bound = listen(place)
    try:
        with pytest.raises(UsageError, match="cannot be had") as raised:
            listen(Place(port=bound.getsockname()[1]))
        assert "--port" in raised.value.next
    finally:
        bound.close()
