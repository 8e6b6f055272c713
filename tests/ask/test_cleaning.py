"""Cleaned rows over real HTTPS: what leaves, what comes back, what is stored, and what stays here all the same."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from asking import ask, make_engine, outcomes, question
from imbik.ask.engine import AskEngine
from imbik.core.errors import RunFolderError
from imbik.core.questions import Question
from imbik.core.types import Outcome, Sensitivity
from imbik.privacy.audit import AuditLine, read_audit
from imbik.privacy.operator import ExternalEndpoint, LocalEndpoint, Operator
from imbik.privacy.trust import config_folder
from imbik.testing import FakeTeacher
from tlskit import make_certificate, tls_front

AYSE, MEHMET = "10000000146", "11111111110"
GOOD = Outcome.ANSWERED


class Service:
    """Somebody else's endpoint with a contract for cleaned rows."""

    def __init__(self, folder: Path, teacher: FakeTeacher, port: int) -> None:
        self.folder, self.teacher, self.port = folder, teacher, port

    def engine(self, clean: str, *, cleaned: Sensitivity = Sensitivity.CONFIDENTIAL, **settings: Any) -> AskEngine:
        """An engine whose recipe cleans so."""
        listed = ExternalEndpoint(host="localhost", ports=(self.port,), contract="c", accepts_cleaned=cleaned)
        operator = Operator(external=(listed,))
        return make_engine(self.folder, f"https://localhost:{self.port}/v1", operator=operator, clean=clean, **settings)

    def ask(self, clean: str, asked: list[Question], **settings: Any) -> list[Any]:
        """All completions of a new engine."""
        with self.engine(clean, **settings) as engine:
            return ask(engine, asked)

    @property
    def received(self) -> str:
        """All that arrived."""
        return json.dumps(self.teacher.bodies, ensure_ascii=False)

    def lines(self, run: str = "deneme") -> list[AuditLine]:
        """The audit's decisions."""
        return [line for line in read_audit(self.folder / run / "audit.jsonl") if line.event == "decision"]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The endpoint, while a test lasts."""
    certificate = make_certificate(tmp_path / "tls", "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with FakeTeacher() as teacher, tls_front(tmp_path / "tls", teacher.port) as port:
        yield Service(tmp_path / "runs", teacher, port)


def about(tckn: str, words: str = "nolu kişinin borcu", **settings: Any) -> Question:
    """A confidential row that names a person."""
    level = settings.pop("sensitivity", Sensitivity.CONFIDENTIAL)
    return question(f"TC kimlik no {tckn} {words}", row=f"r-{tckn}-{words}", sensitivity=level, **settings)


def test_without_the_recipes_or_the_operators_word_nothing_leaves(service: Service) -> None:
    assert outcomes(service.ask("none", [about(AYSE)])) == [Outcome.BLOCKED]
    assert outcomes(service.ask("redact", [about(AYSE)], cleaned=Sensitivity.INTERNAL)) == [Outcome.BLOCKED]
    assert outcomes(service.ask("pseudonymise", [about(AYSE, sensitivity=Sensitivity.SPECIAL)])) == [Outcome.BLOCKED]
    assert service.teacher.count == 0


def test_a_pseudonym_leaves_and_the_value_comes_back(service: Service) -> None:
    service.teacher.answer = lambda messages: {
        "reasoning_content": f"Düşündüm: {messages[-1]['content']}",
        "content": messages[-1]["content"].upper(),
    }
    (answer,) = service.ask("pseudonymise", [about(AYSE)])
    assert AYSE not in service.received
    assert "[TCKN_" in service.received
    assert answer.answer == f"TC KIMLIK NO {AYSE} NOLU KIŞININ BORCU"
    assert AYSE in answer.reasoning
    (line,) = service.lines()
    assert (line.verdict, line.sensitivity, line.cleaned) == ("allowed", "confidential", "pseudonymised")
    with closing(sqlite3.connect(service.folder / "answers.sqlite")) as store:
        body, level = store.execute("SELECT body, sensitivity FROM answers").fetchone()
    assert AYSE not in body.decode()  # stored as it came
    assert level == Sensitivity.CONFIDENTIAL.rank
    for name in ("vault.sqlite", "answers.sqlite", "deneme/audit.jsonl"):
        assert AYSE.encode() not in (service.folder / name).read_bytes()


def test_a_person_has_one_name_in_all_rows_and_runs(service: Service) -> None:
    first = [about(AYSE), about(MEHMET), about(AYSE, "için ödeme planı")]
    service.ask("pseudonymise", first)
    service.ask("pseudonymise", [about(AYSE, "taksit ister")], run="baska")
    names = [body["messages"][-1]["content"].partition("[")[2].partition("]")[0] for body in service.teacher.bodies]
    words = [body["messages"][-1]["content"].partition("] ")[2] for body in service.teacher.bodies]
    by_text = dict(zip(words, names, strict=True))
    assert len(set(names)) == 2
    assert by_text["için ödeme planı"] == by_text["taksit ister"]
    count = service.teacher.count
    assert outcomes(service.ask("pseudonymise", first, run="ucuncu")) == [GOOD] * 3
    assert service.teacher.count == count  # from the store: the same names make the same questions
    assert {line.verdict for line in service.lines("ucuncu")} == {"stored"}


def test_a_row_in_which_nothing_was_found_is_not_called_cleaned(service: Service) -> None:
    plain = question("Borcun faizi ne kadar?", row="r-plain", sensitivity=Sensitivity.CONFIDENTIAL)
    assert outcomes(service.ask("pseudonymise", [about(AYSE), plain])) == [GOOD] * 2
    assert sorted(line.cleaned for line in service.lines()) == ["pseudonymised", "unaltered"]


def test_a_redacted_row_leaves_without_a_way_back_and_shares_its_answer(service: Service) -> None:
    answers = service.ask("redact", [about(AYSE), about(MEHMET)])
    assert service.teacher.count == 1  # what is left of the two is one question
    assert [item.answer for item in answers] == ["Duydum: TC kimlik no [TCKN] nolu kişinin borcu"] * 2
    assert AYSE not in service.received
    assert {line.cleaned for line in service.lines()} == {"redacted"}
    assert not (service.folder / "vault.sqlite").exists()


def test_a_public_row_that_detectors_raised_is_cleaned_too_and_both_are_told(service: Service) -> None:
    asked = [about(AYSE, sensitivity=Sensitivity.PUBLIC), question("merhaba")]
    assert outcomes(service.ask("redact", asked)) == [GOOD] * 2
    by_clean = {line.cleaned: line for line in service.lines()}
    raised, plain = by_clean["redacted"], by_clean[""]
    assert (raised.sensitivity, raised.marked, raised.found) == ("confidential", "public", ("tckn@1",))
    assert (plain.sensitivity, plain.marked) == ("public", "")


def test_what_is_still_found_after_cleaning_stays_here(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imbik.privacy.cleaning.label_of", lambda _: f"TC kimlik no {MEHMET}")
    (answer,) = service.ask("redact", [about(AYSE)])
    assert answer.outcome is Outcome.BLOCKED
    assert "still found after cleaning (tckn)" in answer.reason
    assert service.teacher.count == 0
    assert [(line.verdict, line.cleaned) for line in service.lines()] == [("blocked", "redacted")]


def test_extra_fields_of_a_cleaned_row_are_looked_into_as_well(service: Service) -> None:
    (answer,) = service.ask("redact", [about(MEHMET)], extra={"user": f"TCKN {AYSE}"})
    assert answer.outcome is Outcome.BLOCKED
    assert service.teacher.count == 0


def test_a_lost_key_is_an_error_that_says_what_to_do(service: Service) -> None:
    service.ask("pseudonymise", [about(AYSE)])
    (key,) = (config_folder() / "vault-keys").iterdir()
    key.unlink()
    with pytest.raises(RunFolderError, match="without it no value comes back"):
        service.ask("pseudonymise", [about(AYSE)])


def test_a_local_teacher_gets_rows_as_they_are(tmp_path: Path) -> None:
    with FakeTeacher() as teacher:
        local = Operator(local=(LocalEndpoint(host="127.0.0.1", ports=(teacher.port,), attestation="ours"),))
        with make_engine(tmp_path, teacher.base_url, operator=local, clean="redact") as engine:
            (answer,) = ask(engine, [about(AYSE)])
    assert AYSE in answer.answer
    lines = [line for line in read_audit(tmp_path / "deneme" / "audit.jsonl") if line.event == "decision"]
    assert [line.cleaned for line in lines] == [""]
