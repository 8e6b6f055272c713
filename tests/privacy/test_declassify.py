"""Two people, two keys, and only what both have seen: from the signed word to what leaves at the door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from asking import ask, make_engine, outcomes, question
from imbik.core.errors import ImbikError, OperatorFileError, RunFolderError, UsageError
from imbik.core.runfolder import RunFolder, write_parts
from imbik.core.types import Message, Outcome, Sensitivity, Task
from imbik.privacy.account import what_left
from imbik.privacy.audit import Audit, read_audit
from imbik.privacy.declassify import FILE_NAME, Saying, agreed_in, declassify, lowered, people
from imbik.privacy.operator import Operator
from imbik.privacy.signing import new_key
from imbik.testing import FakeTeacher

TCKN, OTHER = "10000000146", "11111111110"
PUBLIC, INTERNAL, CONFIDENTIAL = Sensitivity.PUBLIC, Sensitivity.INTERNAL, Sensitivity.CONFIDENTIAL


def task(text: str = f"TC kimlik no {TCKN}", level: Sensitivity = CONFIDENTIAL, row: str = "satır-1") -> Task:
    """A row."""
    return Task(id=row, kind="qa", messages=(Message(role="user", content=text),), sensitivity=level)


@dataclass
class Office:
    """A run folder, an operator's file that names two people, and their keys."""

    folder: Path
    keys: dict[str, Path] = field(default_factory=dict)
    public: dict[str, str] = field(default_factory=dict)

    def operator(self, *names: str) -> Operator:
        """The operator's file with these people."""
        return Operator(declassifiers=tuple(f"{name} {self.public[name]}" for name in names or ("ayse", "mehmet")))

    def say(
        self, by: str, *tasks: Task, to: Sensitivity = PUBLIC, key: str = "", names: tuple[str, ...] = ()
    ) -> list[str]:
        """One person's word."""
        audit = Audit(self.folder)
        try:
            saying = Saying(by, to, self.keys[key or by])
            return declassify(self.folder, tasks or (task(),), saying, self.operator(*names), audit)
        finally:
            audit.close()

    def level(self, row: Task, operator: Operator | None = None) -> Sensitivity:
        """How private a row is by what was agreed."""
        audit = Audit(self.folder)
        found = lowered(row, agreed_in(self.folder, operator or self.operator()), audit.keyed)
        audit.close()
        return found.sensitivity


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Ayşe, Mehmet and Zeynep with a key each; the first two are named by default."""
    made = Office(tmp_path / "runs" / "deneme")
    for name in ("ayse", "mehmet", "zeynep"):
        made.keys[name] = tmp_path / f"{name}.pem"
        made.public[name] = new_key(made.keys[name])
    return made


def test_two_people_lower_a_row_and_one_does_not(office: Office) -> None:
    assert office.say("ayse") == []
    assert office.level(task()) is CONFIDENTIAL
    assert office.say("mehmet") == ["satır-1"]
    assert office.level(task()) is PUBLIC


def test_each_word_leaves_an_audit_line_with_who_and_no_content(office: Office) -> None:
    office.say("ayse")
    office.say("mehmet")
    lines = [line for line in read_audit(office.folder / "audit.jsonl") if line.event == "declassify"]
    assert ["ayse" in lines[0].reason, "mehmet" in lines[1].reason] == [True, True]
    assert {line.sensitivity for line in lines} == {"public"}
    assert len({line.rows for line in lines}) == 1
    for name in ("audit.jsonl", FILE_NAME):
        held = (office.folder / name).read_text(encoding="utf-8")
        assert TCKN not in held
        assert "satır-1" not in held


def test_one_person_twice_is_one_person(office: Office) -> None:
    office.say("ayse")
    with pytest.raises(UsageError, match="has said so already"):
        office.say("ayse")
    assert office.level(task()) is CONFIDENTIAL
    with pytest.raises(UsageError, match="not the key of mehmet"):
        office.say("mehmet", key="ayse")
    assert office.level(task()) is CONFIDENTIAL
    with (office.folder / FILE_NAME).open("ab") as stream:  # nor by copying the line
        stream.write((office.folder / FILE_NAME).read_bytes())
    assert office.level(task()) is CONFIDENTIAL


def test_people_who_are_not_named_are_refused(office: Office) -> None:
    with pytest.raises(OperatorFileError, match="does not let 'zeynep'"):
        office.say("zeynep")
    with pytest.raises(OperatorFileError, match="names nobody"):
        declassify(
            office.folder, [task()], Saying("ayse", PUBLIC, office.keys["ayse"]), Operator(), Audit(office.folder)
        )
    with pytest.raises(OperatorFileError, match="without a key"):
        declassify(
            office.folder,
            [task()],
            Saying("ayse", PUBLIC, office.keys["ayse"]),
            Operator(declassifiers=("ayse", "mehmet")),
            Audit(office.folder),
        )
    assert not (office.folder / FILE_NAME).exists()


def test_one_name_or_one_key_for_two_is_refused(office: Office) -> None:
    key = office.public["ayse"]
    for listed in ((f"ayse {key}", f"mehmet {key}"), (f"ayse {key}", f"ayse {office.public['mehmet']}")):
        with pytest.raises(OperatorFileError, match="share"):
            people(Operator(declassifiers=listed))
    with pytest.raises(OperatorFileError, match="no public key"):
        people(Operator(declassifiers=("ayse ed25519:AAAA",)))


def test_whoever_leaves_the_operators_file_takes_the_word_along(office: Office) -> None:
    office.say("ayse")
    office.say("mehmet")
    assert office.level(task(), office.operator("ayse", "zeynep")) is CONFIDENTIAL


def test_a_changed_row_is_not_the_one_they_saw(office: Office) -> None:
    office.say("ayse")
    office.say("mehmet")
    assert office.level(task(f"TC kimlik no {TCKN} ve dahası")) is CONFIDENTIAL
    assert office.level(msgspec.structs.replace(task(), passage="yeni")) is CONFIDENTIAL
    assert office.level(task(row="satır-2")) is CONFIDENTIAL
    assert office.say("ayse", task("başka")) == []
    assert office.say("mehmet", task("başka")) == ["satır-1"]
    assert office.level(task("başka")) is PUBLIC
    assert office.level(task()) is PUBLIC


def test_the_higher_of_two_levels_counts_and_nothing_is_raised(office: Office) -> None:
    office.say("ayse", to=PUBLIC)
    office.say("mehmet", to=INTERNAL)
    assert office.level(task()) is INTERNAL
    assert office.level(task(level=PUBLIC)) is PUBLIC


def test_there_must_be_something_to_lower(office: Office) -> None:
    with pytest.raises(UsageError, match="not lower"):
        office.say("ayse", task("merhaba", PUBLIC))
    with pytest.raises(UsageError, match="not lower"):
        office.say("ayse", task("merhaba", INTERNAL), to=CONFIDENTIAL)
    office.say("ayse", task(f"TC kimlik no {TCKN}", PUBLIC))  # marked public, but detectors raise it


@pytest.mark.parametrize("change", [(b'"public"', b'"internal"'), (b'"by":"ayse"', b'"by":"mehmet"')])
def test_a_word_that_was_changed_counts_for_nothing(office: Office, change: tuple[bytes, bytes]) -> None:
    office.say("ayse")
    office.say("mehmet")
    path = office.folder / FILE_NAME
    first, second = path.read_bytes().splitlines(keepends=True)
    assert change[0] in first
    path.write_bytes(first.replace(*change) + second)
    assert office.level(task()) is CONFIDENTIAL


def test_words_of_another_run_and_torn_lines_do_not_count(office: Office, tmp_path: Path) -> None:
    office.say("ayse")
    office.say("mehmet")
    other = Office(tmp_path / "runs" / "baska", office.keys, office.public)
    other.folder.mkdir()
    (other.folder / FILE_NAME).write_bytes((office.folder / FILE_NAME).read_bytes())
    assert other.level(task()) is CONFIDENTIAL
    (other.folder / FILE_NAME).write_bytes(b'{"signs":"imb')
    with pytest.raises(RunFolderError, match="so nothing is"):
        other.level(task())


def test_a_failing_detector_declassifies_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("imbik.privacy.detect.Detection.find", broken)
    with pytest.raises(ImbikError, match="detector failed"):
        office.say("ayse")
    assert not (office.folder / FILE_NAME).exists()


@pytest.fixture
def teacher() -> Iterator[FakeTeacher]:
    """An endpoint that nobody declared local."""
    with FakeTeacher() as found:
        yield found


def test_the_door_lets_pass_exactly_what_both_have_seen(office: Office, teacher: FakeTeacher) -> None:
    row = task(level=PUBLIC)  # marked public; the identifier in it raises it
    write_parts(_made(office.folder), iter([row]))

    def send(text: str, row: str = "satır-1") -> list[Outcome]:
        operator = office.operator()
        with make_engine(office.folder.parent, teacher.base_url, operator=operator) as engine:
            return outcomes(ask(engine, [question(text, row=row)]))

    assert send(f"{row.text} Cevapla.") == [Outcome.BLOCKED]
    office.say("ayse", row)
    assert send(f"{row.text} Cevapla.") == [Outcome.BLOCKED]
    office.say("mehmet", row)
    assert send(f"{row.text} Cevapla.") == [Outcome.ANSWERED]
    assert send(f"TCKN {TCKN} / TCKN {OTHER}") == [Outcome.BLOCKED]  # something else is found beside it
    assert send(f"{row.text} Cevapla!", row="satır-9") == [Outcome.BLOCKED]  # in another row
    write_parts(RunFolder(office.folder).stage("1_tasks"), iter([task(row.text + " değişti", PUBLIC)]))
    assert send(f"{row.text} Cevapla?") == [Outcome.BLOCKED]  # the row is not the one they saw
    lines = [line for line in read_audit(office.folder / "audit.jsonl") if line.verdict == "allowed"]
    assert [(line.sensitivity, line.declassified) for line in lines] == [("public", True)]
    assert "1 row was declassified by two people" in what_left(office.folder)


def _made(folder: Path) -> Path:
    path = RunFolder(folder).stage("1_tasks")
    path.mkdir(parents=True)
    return path
