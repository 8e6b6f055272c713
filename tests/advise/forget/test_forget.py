"""A person is erased everywhere, nothing else is, lineage verifies, and a kill at any moment is finished."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

import imbik.core.files
from erasekit import HER_ROWS, PERSON, keys_of, lay, stored_keys, tasks
from imbik.advise.forget import work
from imbik.advise.forget.erasing import ERASED
from imbik.advise.forget.lineage import roots_verify
from imbik.advise.forget.receipt import Receipt, whole
from imbik.advise.forget.sweep import sweep
from imbik.advise.show import funnel
from imbik.ask.answers import AnswerStore, Stored
from imbik.core.errors import ImbikError, LockedError, UsageError
from imbik.core.files import read_json, read_lines, write_lines
from imbik.core.locks import writer_lock
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.tombstones import PENDING, refuse_half_erased
from imbik.core.types import Sample, Sensitivity, Task, Verdict
from imbik.evaluate.answers import Answer
from imbik.models.logits import LogitStore
from imbik.privacy.audit import Audit, Entry, read_audit
from imbik.privacy.person import Person
from imbik.privacy.signing import new_key
from imbik.privacy.suppression import Suppression
from imbik.privacy.vault import Vault
from imbik.review.preferences import PREFERENCES, Preference, preferences_of
from imbik.review.reservations import aside, prepare, put_aside
from imbik.review.store import insert, reading, verdicts_of

WHO = Person([PERSON])


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that has her in it, made once."""
    return lay(tmp_path_factory.mktemp("laid") / "runs").path.parent


@pytest.fixture
def run(laid: Path, tmp_path: Path) -> RunFolder:
    """A copy of it to erase from."""
    return copy_of(laid, tmp_path / "runs")


def copy_of(laid: Path, runs: Path) -> RunFolder:
    shutil.copytree(laid, runs)
    return RunFolder(runs / "destek")


def erased(run: RunFolder, *given: str, rows: frozenset[str] = frozenset()) -> Receipt:
    """Erase and return the receipt."""
    receipt = work.forget(run, given, rows).receipt
    assert receipt is not None
    return receipt


def ids(run: RunFolder) -> list[str]:
    return [task.id for task in read_parts(run.stage("1_tasks"), Task)]


def test_the_person_is_nowhere_afterwards_and_was_found_before(run: RunFolder) -> None:
    before = sweep(run, WHO)
    assert {path.name for path in before.hits} >= {
        "part-00000.jsonl", "quarantine.jsonl", "manifest.json", "events.jsonl", "reviews.sqlite", "answers.sqlite",
        "rejected-00000.jsonl",
    }  # fmt: skip
    receipt = erased(run, PERSON)
    assert sweep(run, WHO).hits == ()
    assert receipt.named_before == len(before.hits)
    assert receipt.named_after == 0
    everything = b"".join(path.read_bytes() for path in run.path.parent.rglob("*") if path.is_file())
    for form in (PERSON, "AYŞE YILMAZ", "ayse yilmaz", "Ay\\u015fe Y\\u0131lmaz"):
        assert form.encode() not in everything


def test_whole_rows_go_with_all_that_was_made_of_them(run: RunFolder) -> None:
    receipt = erased(run, PERSON)
    assert ids(run) == [task.id for task in tasks() if task.id not in HER_ROWS]
    for folder in ("2_answers", "3_refined"):
        left = list(read_parts(run.stage(folder), Sample))
        assert {sample.task.id for sample in left} == {f"t{n:02d}" for n in range(16)} - set(HER_ROWS)
        assert "t05#t#1" not in {sample.id for sample in left}
        assert "t05#t#0" in {sample.id for sample in left}
        assert len(left) == 27
    rejected = list(read_lines(run.stage("3_refined") / "rejected-00000.jsonl", Sample))
    assert [sample.id for sample in rejected] == ["t00#t#1"]
    answers = list(read_lines(run.stage("8_report") / "answers" / "export_safetensors.jsonl", Answer))
    assert [answer.id for answer in answers] == ["t16", "t17", "t19"]
    assert receipt.counts["tasks"] == 3
    assert receipt.counts["samples in 2_answers"] == 5
    assert receipt.counts["rows of captured logits"] == 5


def test_lineage_verifies_and_manifests_count_what_was_erased(run: RunFolder) -> None:
    roots = {name: manifest.root for name, manifest in work.manifests(run).items()}
    receipt = erased(run, PERSON)
    assert receipt.lineage == dict.fromkeys(("tasks", "generate", "refine", "capture", "evaluate"), True)
    made = work.manifests(run)
    assert {name: manifest.root for name, manifest in made.items()} == roots
    assert {name: manifest.erased for name, manifest in made.items()} == {
        "tasks": 3, "generate": 5, "refine": 5, "capture": 5, "evaluate": 3
    }  # fmt: skip
    assert all(manifest.books.balanced for manifest in made.values())
    assert made["tasks"].warnings == (ERASED,)
    assert {line.stage: line.erased for line in funnel(run)}["tasks"] == 3


def test_a_row_changed_by_hand_does_not_verify(run: RunFolder) -> None:
    erased(run, PERSON)
    path = run.stage("2_answers") / "part-00000.jsonl"
    path.write_bytes(path.read_bytes().replace(b"t00.0", b"t00.9"))
    assert roots_verify(run)["generate"] is False
    assert roots_verify(run)["refine"] is True


def test_captured_logits_of_other_rows_stay_as_they_were(run: RunFolder) -> None:
    store = LogitStore.open(run.stage("5_logits"))
    before = {row: [part.tolist() for part in store.row(row, store.token_hash(row))] for row in store.rows()}
    erased(run, PERSON)
    store = LogitStore.open(run.stage("5_logits"))
    after = {row: [part.tolist() for part in store.row(row, store.token_hash(row))] for row in store.rows()}
    gone = {row for row in before if row.partition("#")[0] in HER_ROWS} | {"t05#t#1"}
    assert after == {row: values for row, values in before.items() if row not in gone}


def test_what_a_trial_of_a_search_made_itself_is_cleaned_too(run: RunFolder) -> None:
    """What a trial took over is a link; logits, students and reports it made hold the rows as the run's would."""
    trial = RunFolder(run.path / "trials" / "0000")
    trial.create()
    for name in ("1_tasks", "2_answers", "3_refined"):
        (trial.path / name).symlink_to(Path("..") / ".." / name)
    for name in ("5_logits", "8_report"):
        shutil.copytree(run.stage(name), trial.stage(name))
    before = set(LogitStore.open(trial.stage("5_logits")).rows())
    receipt = erased(run, PERSON)
    gone = {row for row in before if row.partition("#")[0] in HER_ROWS} | {"t05#t#1"}
    assert gone
    assert set(LogitStore.open(trial.stage("5_logits")).rows()) == before - gone
    assert sweep(trial, WHO).hits == ()
    assert receipt.named_after == 0


def test_while_a_search_is_at_its_trials_nothing_is_erased(run: RunFolder) -> None:
    (run.path / "trials").mkdir()
    with writer_lock(run.path / "trials"), pytest.raises(LockedError):
        erased(run, PERSON)


def test_only_her_answers_leave_the_store(run: RunFolder) -> None:
    before, keys = stored_keys(run.store), keys_of(run, tasks())
    erased(run, PERSON)
    hers = {key for (name, number), key in keys.items() if name in HER_ROWS or (name, number) == ("t05", 1)}
    assert stored_keys(run.store) == before - hers
    assert not run.store.with_name("answers.sqlite-wal").exists() or not (
        run.store.with_name("answers.sqlite-wal").stat().st_size
    )
    with closing(sqlite3.connect(run.store)) as base:
        assert base.execute("PRAGMA freelist_count").fetchone()[0] == 0
        assert base.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_verdicts_go_with_the_content_and_an_expert_gets_another_name(run: RunFolder) -> None:
    receipt = erased(run, PERSON)
    left = [item.verdict for given in verdicts_of(run).values() for item in given]
    assert len(left) == 2
    assert next(verdict.by for verdict in left if verdict.by != "uzman").startswith("expert-")
    assert receipt.counts["verdicts of experts"] == 2
    assert receipt.counts["experts renamed"] == 1


def test_preferences_between_systems_go_with_the_row_and_with_the_name(run: RunFolder) -> None:
    def prefer(row: str, by: str, reason: str = "") -> Preference:
        verdict = Verdict(by=by, keep=True, reason=reason)
        return Preference(content=f"duel-{row}", row=row, pair=("a", "b"), left="a", verdict=verdict)

    first, other, further = sorted(set(ids(run)) - set(HER_ROWS))[:3]
    said = [prefer(HER_ROWS[0], "uzman"), prefer(first, PERSON), prefer(other, "uzman", f"{PERSON} yazmış")]
    with reading(run) as base:
        assert base is not None
        insert(base, [*said, prefer(further, "uzman")], PREFERENCES)
        prepare(base)
        put_aside(base, "uzman", f"duel-{HER_ROWS[0]}")
    receipt = erased(run, PERSON)
    left = {item.row: item.verdict.by for given in preferences_of(run).values() for item in given}
    assert set(left) == {first, further}
    assert left[first].startswith("expert-")
    assert receipt.counts["preferences of experts"] == 2
    with reading(run) as base:
        assert base is not None
        assert aside(base, "uzman") == set()
    assert sweep(run, WHO).hits == ()


def test_rows_by_id_go_without_a_name(run: RunFolder) -> None:
    receipt = erased(run, rows=frozenset({"t01"}))
    assert "t01" not in ids(run)
    assert set(HER_ROWS) < set(ids(run))
    assert receipt.person == ""
    assert receipt.swept == 0
    assert all(receipt.lineage.values())
    with pytest.raises(UsageError, match="no row 't01'"):
        work.forget(run, (), frozenset({"t01"}))


def test_the_list_keeps_her_out_of_the_folder(run: RunFolder) -> None:
    erased(run, PERSON)
    listed = Suppression.load(run.path.parent)
    for task in tasks():
        assert bool(listed.reason(task.id, task.text, [task.text])) == (task.id in HER_ROWS)
    assert listed.reason("new", "yeni", ["Yılmaz Ayşe yine yazdı"])


def test_replaced_stages_are_cleaned_too(run: RunFolder) -> None:
    run.retire("2_answers")
    erased(run, PERSON)
    assert sweep(run, WHO).hits == ()
    assert len(list(read_parts(run.replaced("2_answers")[0], Sample))) == 27


def test_another_run_that_holds_the_rows_is_named(run: RunFolder) -> None:
    other = lay(run.path.parent, "ikinci")
    receipt = erased(run, PERSON)
    assert [(item.run, item.rows) for item in receipt.others] == [("ikinci", 4)]
    assert receipt.others[0].next == "imbik privacy forget ikinci --person …"
    assert sweep(other, WHO).hits
    assert PERSON not in (run.path / "receipts" / f"{receipt.id}.txt").read_text()


def test_a_run_that_only_asked_about_the_rows_is_named_by_its_audit(run: RunFolder) -> None:
    other = RunFolder(run.path.parent / "eski")
    other.create()
    audit = Audit(other.path)
    audit.append([Entry("allowed", "internal", "in_process", "", "generation", "", ("t07", "t99"), "")])
    audit.close()
    receipt = erased(run, PERSON)
    assert [(item.run, item.rows) for item in receipt.others] == [("eski", 1)]


def test_the_receipt_is_whole_and_says_no_word_of_her(run: RunFolder) -> None:
    receipt = erased(run, PERSON, "12345678950")
    path = run.path / "receipts" / f"{receipt.id}.json"
    read = read_json(path, Receipt)
    assert whole(read)
    assert not whole(msgspec.structs.replace(read, named_after=1))
    told = path.read_text() + path.with_suffix(".txt").read_text()
    assert not WHO.in_text(told)
    assert "12345678950" not in told
    assert not any(name in told for name in HER_ROWS)


def test_the_audit_chain_gets_a_line_with_keyed_ids(run: RunFolder) -> None:
    audit = Audit(run.path)
    audit.append([Entry("allowed", "internal", "in_process", "", "generation", "", ("t07",), "")])
    keyed = audit.keyed("t07")
    audit.close()
    receipt = erased(run, PERSON)
    *_, last = read_audit(run.path / "audit.jsonl")
    assert last.event == "forgotten"
    assert keyed in last.rows
    assert last.rows == receipt.rows
    assert receipt.id in last.reason
    assert receipt.sha256 in last.reason


def test_a_chain_that_was_taken_away_is_not_begun_anew(run: RunFolder) -> None:
    audit = Audit(run.path)
    audit.append([Entry("allowed", "internal", "in_process", "", "generation", "", ("t07",), "")])
    audit.close()
    (run.path / "audit.jsonl").unlink()
    erased(run, PERSON)
    assert not (run.path / "audit.jsonl").exists()


def test_nobody_is_erased_who_is_not_there(run: RunFolder) -> None:
    done = work.forget(run, ["Fatma Demir"])
    assert done.receipt is None
    assert done.plan is not None
    assert done.plan.nothing
    with pytest.raises(UsageError, match="nobody is named"):
        work.forget(run, [])


def test_without_agreement_nothing_changes(run: RunFolder) -> None:
    def contents() -> dict[Path, bytes]:
        shared = ("-shm", "-wal")
        files = (path for path in run.path.parent.rglob("*") if path.is_file() and not path.name.endswith(shared))
        return {path: path.read_bytes() for path in files if path.name != ".lock"}

    before = contents()
    done = work.forget(run, [PERSON], agree=lambda plan: False)
    assert done.receipt is None
    assert contents() == before


def test_a_run_in_use_is_left_alone(run: RunFolder) -> None:
    with writer_lock(run.path), pytest.raises(LockedError):
        work.forget(run, [PERSON])


def test_a_store_in_use_stops_the_erasure_and_it_is_finished_later(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imbik.advise.forget.databases._BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(run.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match="works with this database"):
            work.forget(run, [PERSON])
    with pytest.raises(ImbikError, match="interrupted"):
        refuse_half_erased(run.path)
    done = work.forget(run, [])
    assert done.resumed
    assert sweep(run, WHO).hits == ()
    refuse_half_erased(run.path)


class Killed(BaseException):
    """What a kill is in this process."""


def state(run: RunFolder) -> dict[str, bytes]:
    """Everything an erasure leaves that has no moment in it, whatever shards the logits are in."""
    found = {}
    for path in sorted(run.path.rglob("*")):
        place = str(path.relative_to(run.path))
        skipped = place.startswith(("receipts/", "5_logits/shard-")) or path.name in {".lock", "tombstones.jsonl"}
        if path.is_file() and not skipped and "sqlite" not in place:
            found[place] = path.read_bytes()
    store = LogitStore.open(run.stage("5_logits"))
    found["logits"] = b"".join(
        row.encode() + b"".join(part.tobytes() for part in store.row(row, store.token_hash(row)))
        for row in sorted(store.rows())
    )
    found["stored"] = b"".join(sorted(stored_keys(run.store)))
    found["verdicts"] = str(sorted(verdicts_of(run))).encode()
    return found


def killed_at(step: int, write: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether `write` was killed at its `step`-th write or removal of a file."""
    left = [step]

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return function(*args, **more)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        patch.setattr(imbik.core.files, "fsync_folder", counted(imbik.core.files.fsync_folder))
        try:
            write()
        except Killed:
            return True
    return False


def test_a_kill_at_any_moment_is_finished_by_the_same_command(
    laid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_run = copy_of(laid, tmp_path / "whole")
    erased(whole_run, PERSON)
    wanted = {name: content for name, content in state(whole_run).items() if name != "recipe.yaml"}
    step = kills = 0
    while True:
        run = copy_of(laid, tmp_path / f"runs-{step}")
        if not killed_at(step, lambda run=run: work.forget(run, [PERSON]), monkeypatch):  # type: ignore[misc]
            break
        kills += 1
        again = work.forget(run, [PERSON])
        assert again.receipt is not None or (again.plan is not None and again.plan.nothing)
        found = {name: content for name, content in state(run).items() if name != "recipe.yaml"}
        assert found == wanted, f"killed at write {step}"
        assert all(roots_verify(run).values())
        assert not (run.path / PENDING).exists()
        step += 31
    assert kills > 1


def test_a_broken_chain_stops_no_erasure_and_is_not_written_on(run: RunFolder) -> None:
    audit = Audit(run.path)
    audit.append([Entry("allowed", "internal", "in_process", "", "generation", "", ("t07",), "")] * 2)
    audit.close()
    path = run.path / "audit.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    before = path.read_bytes()
    receipt = erased(run, PERSON)
    assert path.read_bytes() == before
    assert "not as it was written" in receipt.notes[-1]
    assert whole(receipt)


def test_a_receipt_can_be_signed(run: RunFolder, tmp_path: Path) -> None:
    public = new_key(tmp_path / "key.pem")
    with pytest.raises(UsageError):
        work.forget(run, [PERSON], key_file=tmp_path / "none.pem")
    assert sweep(run, WHO).hits
    receipt = work.forget(run, [PERSON], key_file=tmp_path / "key.pem").receipt
    assert receipt is not None
    assert receipt.key == public
    assert whole(receipt)
    assert not whole(msgspec.structs.replace(receipt, signature="00" * 64))


def test_an_answer_that_a_row_of_the_same_words_shares_stays(run: RunFolder) -> None:
    """Two people who write the same: the answer is not one person's alone, so it goes only when it names somebody."""
    path = run.stage("1_tasks") / "part-00000.jsonl"
    rows = [
        msgspec.structs.replace(task, messages=tasks()[0].messages) if task.id in ("t01", "t02") else task
        for task in read_parts(run.stage("1_tasks"), Task)
    ]
    write_lines(path, rows)
    key = keys_of(run, [rows[1]])["t01", 0]
    shared = keys_of(run, [rows[0]])["t00", 0]
    assert key == shared
    erased(run, rows=frozenset({"t01", "t02"}))
    assert shared in stored_keys(run.store)


def test_the_vault_and_answers_with_her_placeholder_are_cleaned(run: RunFolder) -> None:
    vault = Vault(run.path.parent / "vault.sqlite")
    hers, row, other = vault.names([("name", "Ayşe Yılmaz"), ("phone", "0532 111 22 33"), ("name", "Fatma Demir")])
    vault.close()
    store = AnswerStore(run.store)
    for number, name in enumerate((hers, other)):
        body = msgspec.json.encode({"content": f"[{name.label}_{name.digits}] aradı"})
        put = store.put(bytes([number]) * 32, "judge", Stored("http", body, 9, 0.1), Sensitivity.INTERNAL)
        store.submit(put).result()
    store.close()
    path = run.stage("1_tasks") / "part-00000.jsonl"
    path.write_bytes(path.read_bytes().replace("kartım nerede".encode(), "0532 111 22 33, kartım nerede".encode()))
    receipt = erased(run, PERSON)
    assert receipt.counts["values in the vault"] == 2
    vault = Vault(run.path.parent / "vault.sqlite")
    assert vault.value(hers.label, hers.digits) is None
    assert vault.value(row.label, row.digits) is None
    assert vault.value(other.label, other.digits) == "Fatma Demir"
    vault.close()
    left = stored_keys(run.store)
    assert bytes([0]) * 32 not in left
    assert bytes([1]) * 32 in left


def test_a_vault_whose_key_is_lost_is_named(run: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    vault = Vault(run.path.parent / "vault.sqlite")
    vault.names([("name", PERSON)])
    vault.close()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    assert any("vault.sqlite cannot be read" in note for note in erased(run, PERSON).notes)


def test_a_system_of_an_unfinished_evaluation_that_named_her_is_asked_again(run: RunFolder) -> None:
    report = run.stage("8_report")
    (report / "manifest.json").unlink()
    path = report / "answers" / "student.jsonl"
    path.write_bytes(path.read_bytes().replace(b"student der ki t16", "Ayşe Yılmaz der ki".encode()))
    erased(run, PERSON)
    assert [answer.id for answer in read_lines(path, Answer)] == ["t17", "t19"]
    assert not path.with_suffix(".json").exists()
    assert (report / "answers" / "teacher.json").exists()


def test_what_nobody_named_is_cleaned_as_far_as_it_can_be(run: RunFolder) -> None:
    (run.path / "extra").mkdir()
    (run.path / "extra" / "figures.json").write_text('{"a": ["Ay\\u015fe Y\\u0131lmaz", "b"], "n": 1}')
    (run.path / "2_answers" / ".part-00000.jsonl.77.tmp").write_text(PERSON)
    (run.path / "6_student").mkdir()
    (run.path / "6_student" / "notes.txt").write_text(f"eğitim: {PERSON}")
    (run.path.parent / "imbik-crash-20260101-000000-9.log").write_text(f"Hata: {PERSON}")
    (run.path.parent / "imbik-crash-20260101-000000-8.log").write_text("Hata: başka")
    receipt = erased(run, PERSON)
    assert msgspec.json.decode((run.path / "extra" / "figures.json").read_bytes()) == {"a": [ERASED, "b"], "n": 1}
    assert not (run.path / "2_answers" / ".part-00000.jsonl.77.tmp").exists()
    assert sorted(path.name for path in run.path.parent.glob("imbik-crash-*")) == ["imbik-crash-20260101-000000-8.log"]
    assert receipt.named_after == 1
    assert [item.path for item in receipt.remains] == ["destek/6_student/notes.txt"]
