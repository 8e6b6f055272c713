"""Invitations and sessions: told once, kept as hashes, ended by a newer one, and worth nothing when touched."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from imbik.core.errors import UsageError
from imbik.web import sessions
from imbik.web.members import Members
from imbik.web.sessions import Session, Sessions


@pytest.fixture
def members(tmp_path: Path) -> Members:
    return Members(tmp_path / "reviewers.json")


def opened(made: Sessions, person: str) -> str:
    """The value of a new session's cookie."""
    return made.open(person).partition("=")[2].partition(";")[0]


def test_an_invitation_is_told_once_and_its_hash_is_kept(members: Members) -> None:
    token = members.invite("ayse")
    assert token is not None
    assert members.invite("ayse") is None
    assert token not in members.path.read_text()
    assert stat.S_IMODE(os.stat(members.path).st_mode) == 0o600
    assert members.holder(token) == "ayse"
    assert members.holder(token[:-1]) is None
    assert members.holder("") is None
    assert members.holder("ğ\udc80") is None


def test_a_new_invitation_ends_the_old_one_and_its_sessions(members: Members) -> None:
    old = members.invite("ayse")
    made = Sessions(members, 8321)
    cookie = opened(made, "ayse")
    assert made.read(cookie) is not None
    new = members.invite("ayse", again=True)
    assert old is not None
    assert new is not None
    assert (members.holder(old), members.holder(new)) == (None, "ayse")
    assert made.read(cookie) is None


def test_who_is_invited_elsewhere_while_a_page_is_served_comes_in(members: Members) -> None:
    members.invite("ayse")
    assert members.names() == ["ayse"]
    token = Members(members.path).invite("mehmet")
    assert token is not None
    assert members.holder(token) == "mehmet"
    assert members.names() == ["ayse", "mehmet"]


def test_invitations_at_once_lose_none(tmp_path: Path) -> None:
    def invite(number: int) -> None:
        Members(tmp_path / "reviewers.json").invite(f"kisi{number}")

    threads = [threading.Thread(target=invite, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Members(tmp_path / "reviewers.json").names()) == 12


@pytest.mark.parametrize("name", ["", " ", "a|b", "../x", "a\nb", "x" * 65, "_a", "<b>"])
def test_what_is_no_name_is_refused(members: Members, name: str) -> None:
    with pytest.raises(UsageError):
        members.invite(name)


@pytest.mark.parametrize("name", ["ayse", "İpek", "mehmet.oz", "uzman-2", "a@b.c"])
def test_names_of_people(members: Members, name: str) -> None:
    token = members.invite(name)
    made = Sessions(members, 1)
    assert token is not None
    read = made.read(opened(made, name))
    assert read is not None
    assert read.person == name


def test_a_session_outlives_the_server_and_nothing_else(members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    members.invite("ayse")
    members.invite("mehmet")
    cookie = opened(Sessions(members, 8321), "ayse")
    again = Sessions(Members(members.path), 8321)
    read = again.read(cookie)
    assert read is not None
    assert read.person == "ayse"
    body, _, seal = cookie.partition(".")
    other = opened(again, "mehmet")
    forged = [
        f"{other.partition('.')[0]}.{seal}",
        f"{body}.{seal[:-1]}0",
        f"{body}.",
        body,
        ".",
        "",
        "zz.aa",
        f"{body}.ğ",
    ]
    forged = [value for value in forged if value != cookie]
    assert [again.read(value) for value in forged] == [None] * len(forged)
    monkeypatch.setattr(sessions, "SECONDS", -1)
    assert again.read(opened(again, "ayse")) is None


def test_the_cookie_stays_in_the_browser_and_on_the_site(members: Members) -> None:
    members.invite("ayse")
    plain, secure = Sessions(members, 1).open("ayse"), Sessions(members, 1, secure=True).open("ayse")
    assert "HttpOnly" in plain
    assert "SameSite=Strict" in plain
    assert "; Secure" not in plain
    assert "; Secure" in secure
    assert Sessions(members, 1).cookie != Sessions(members, 2).cookie


def test_a_page_proves_the_session_that_it_was_made_for(members: Members) -> None:
    members.invite("ayse")
    made = Sessions(members, 1)
    one, two = Session("ayse", "b1"), Session("ayse", "b2")
    assert made.proves(one, made.proof(one))
    assert not made.proves(two, made.proof(one))
    assert not made.proves(one, "")
    assert not made.proves(Session("nobody", "b"), made.proof(Session("nobody", "b")))
