"""Verdicts to and from other tools: a round trip in each form, what those tools add, and errors that name the place."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from imbik.advise.reviewing import add, hand_out
from imbik.core.errors import InputError, UsageError
from imbik.core.files import write_text
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Sample, Sensitivity, Verdict
from imbik.privacy.trust import config_folder
from imbik.review.content import content_key
from imbik.review.importing import import_verdicts
from imbik.review.store import ExpertVerdict, add_verdicts, verdicts_of
from reviewkit import refine, review_run
from stagekit import make_sample, make_task

TURKISH = "İstanbul'da ışık: “şöyle” dedi\nığüşöç 🙂 </script>"
SAMPLES = [make_sample(make_task(f"r{n:02d}"), reasoning=f"{n} + 0 = {n}", answer=str(n)) for n in range(8)]
KEYS = [content_key(sample) for sample in SAMPLES]
RECIPE = "{sample: 1, doubtful: 0, rubric: [doğruluk, kültürel uygunluk]}"


def said(number: int, by: str, keep: bool = True, **more: Any) -> ExpertVerdict:
    scores = more.get("scores", {})
    mean = round(sum(scores.values()) / len(scores), 3) if scores else None
    verdict = Verdict(by=by, keep=keep, reason=more.pop("reason", ""), score=mean)
    row = SAMPLES[number].id
    given = {"at": "2026-11-26T03:00:00+00:00", "seconds": 4.5, "row": row, **more}
    return ExpertVerdict(content=KEYS[number], verdict=verdict, **given)


GIVEN = [
    said(0, "ayse", False, reason=TURKISH, scores={"doğruluk": 1, "kültürel uygunluk": 4}),
    said(0, "mehmet"),
    said(1, "ayse", answer="7", reasoning=TURKISH, reason="düzeltildi"),
    said(2, "ayse", scores={"kültürel uygunluk": 5}),
    said(3, "mehmet", reasoning=""),
]


def make(folder: Path, samples: Sequence[Sample] = SAMPLES, recipe: str = RECIPE) -> RunFolder:
    folder.mkdir()
    return review_run(folder, samples, recipe)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = make(tmp_path / "a")
    add_verdicts(made, GIVEN)
    return made


def bare(run: RunFolder, *lost: str) -> dict[str, list[ExpertVerdict]]:
    """The verdicts of a run without what a form does not keep, people in a fixed order."""
    forgotten: dict[str, Any] = {name: {"at": "", "seconds": 0.0}[name] for name in lost}
    return {
        content: sorted(
            (msgspec.structs.replace(item, **forgotten) for item in given), key=lambda item: item.verdict.by
        )
        for content, given in verdicts_of(run).items()
    }


@pytest.mark.parametrize(("form", "name", "lost"), [
    ("jsonl", "v.jsonl", ()), ("label-studio", "v.json", ()), ("argilla", "v.json", ("at", "seconds")),
])  # fmt: skip
def test_a_round_trip_changes_no_verdict(
    run: RunFolder, tmp_path: Path, form: str, name: str, lost: tuple[str, ...]
) -> None:
    file = tmp_path / name
    words = hand_out(run, file, form)
    assert words.startswith(f"5 verdicts on {4 if form == 'jsonl' else 8} rows written to {file}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = make(tmp_path / "b")
    assert add(other, file).startswith("5 verdicts added")
    assert bare(other, "at", "seconds") == bare(run, "at", "seconds")
    if not lost:
        assert bare(other) == bare(run)
    assert add(other, file) == f"0 verdicts added from {file}, 5 were there already"
    assert sum(map(len, verdicts_of(other).values())) == 5


def test_label_studio_gets_tasks_and_an_interface_that_names_the_same_things(run: RunFolder, tmp_path: Path) -> None:
    hand_out(run, tmp_path / "v.json", "label-studio")
    tasks = json.loads((tmp_path / "v.json").read_text())
    assert len(tasks) == 8
    first = next(task for task in tasks if task["data"]["content"] == KEYS[0])
    assert first["data"]["question"] == SAMPLES[0].task.text
    rejected = next(item for item in first["annotations"] if item["completed_by"] == {"email": "ayse"})
    assert rejected["lead_time"] == 4.5
    assert {item["from_name"]: item["type"] for item in rejected["result"]} == {
        "verdict": "choices", "reason": "textarea", "score_1": "rating", "score_2": "rating"
    }  # fmt: skip
    view = ElementTree.parse(tmp_path / "v.xml").getroot()
    named = {item.get("name") for item in view.iter() if item.get("name")}
    assert {"verdict", "reason", "edited_answer", "edited_reasoning", "score_1", "score_2", "answer"} <= named
    shown = {item.get("value", "")[1:] for item in view.iter("Text")}
    assert shown <= first["data"].keys()


def test_argilla_gets_records_with_users_and_their_names(run: RunFolder, tmp_path: Path) -> None:
    hand_out(run, tmp_path / "v.json", "argilla")
    records = json.loads((tmp_path / "v.json").read_text())
    first = next(record for record in records if record["id"] == KEYS[0])
    users = dict(entry.split("=") for entry in first["metadata"]["experts"])
    assert set(users.values()) == {"ayse", "mehmet"}
    assert [(users[r["user_id"]], r["value"]) for r in first["responses"]["verdict"]] == [
        ("ayse", "reject"), ("mehmet", "keep")
    ]  # fmt: skip
    assert first["fields"].keys() == {"question", "reasoning", "answer"}


def test_argillas_id_of_a_record_names_the_row_where_metadata_was_not_kept(run: RunFolder, tmp_path: Path) -> None:
    hand_out(run, tmp_path / "v.json", "argilla", without_verdicts=True)
    records = json.loads((tmp_path / "v.json").read_text())
    back = [{**item, "metadata": {}, "responses": {"verdict": [{"value": "keep", "user_id": "u"}]}} for item in records]
    (tmp_path / "back.json").write_text(json.dumps(back))
    assert add(make(tmp_path / "b"), tmp_path / "back.json", ["u=can"]).startswith("8 verdicts added")


def test_rows_alone_hold_nobodys_verdict(run: RunFolder, tmp_path: Path) -> None:
    for form in ("label-studio", "argilla"):
        file = tmp_path / f"{form}.json"
        hand_out(run, file, form, without_verdicts=True)
        text = file.read_text()
        assert not any(word in text for word in ("ayse", "mehmet", "ışık"))
        assert len(json.loads(text)) == 8


def test_what_label_studio_itself_writes_is_read(run: RunFolder, tmp_path: Path) -> None:
    """A user as a number, a skipped task, a second annotation, fields that we do not know, and an untouched text."""

    def result(name: str, **value: Any) -> dict[str, Any]:
        return {"id": "Dx_aB91ISN", "from_name": name, "to_name": "answer", "origin": "manual", "value": value}

    annotations = [
        {"id": 1, "completed_by": 10, "result": [], "was_cancelled": True, "lead_time": 1.0},
        {
            "id": 2, "completed_by": 10, "was_cancelled": False, "ground_truth": False, "lead_time": 4.288,
            "created_at": "2021-03-09T22:16:08.728353Z", "task": 1,
            "result": [
                result("verdict", choices=["Düzelt"]), result("edited_answer", text=["12"]),
                result("edited_reasoning", text=[SAMPLES[5].reasoning]), result("score_doğruluk", rating=3),
            ],
        },
        {"id": 3, "completed_by": {"id": 3, "email": "can@sirket.tr"}, "result": [result("verdict", choices=["keep"])]},
        {"id": 4, "completed_by": "veli", "result": [result("verdict", choices=["edit"])]},
    ]  # fmt: skip
    task = {"id": 1, "data": {"row": "r05", "answer": "5", "reasoning": SAMPLES[5].reasoning}, "project": 83}
    file = tmp_path / "project-83.json"
    file.write_text(json.dumps([{**task, "annotations": annotations, "predictions": []}]))
    words = add(run, file, ["10=mehmet"])
    assert (
        words == f"2 verdicts added from {file}\n! {file}[0].annotations[3]: it says edit, and brings no changed text"
    )
    given = {item.verdict.by: item for item in verdicts_of(run)[KEYS[5]]}
    assert given.keys() == {"mehmet", "can@sirket.tr"}
    assert (given["mehmet"].answer, given["mehmet"].reasoning, given["mehmet"].scores) == ("12", None, {"doğruluk": 3})
    assert (given["mehmet"].seconds, given["mehmet"].at) == (4.288, "2021-03-09T22:16:08.728353Z")


def task(**annotation: Any) -> dict[str, Any]:
    return {"data": {"content": KEYS[1]}, "annotations": [{"completed_by": "a", "result": [], **annotation}]}


def choice(*words: str) -> dict[str, Any]:
    return {"from_name": "verdict", "value": {"choices": list(words)}}


def rating(name: str, value: object) -> dict[str, Any]:
    return {"from_name": name, "value": {"rating": value}}


def record(**responses: Any) -> dict[str, Any]:
    return {"id": "x", "fields": {"answer": "1"}, "metadata": {"content": KEYS[1]}, "responses": responses}


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: task(result=[]), "[1].annotations[0].result"),
    (lambda: task(result=[choice("belki")]), "[1].annotations[0].result[0].value.choices[0]"),
    (lambda: task(result=[choice("keep", "reject")]), "[1].annotations[0].result[0].value.choices"),
    (lambda: task(result=[choice("keep"), rating("score_9", 3)]), "[1].annotations[0].result[1].from_name"),
    (lambda: task(result=[choice("keep"), rating("score_1", 2.5)]), "[1].annotations[0].result[1].value.rating"),
    (lambda: task(result=[choice("keep")], completed_by=None), "[1].annotations[0].completed_by"),
    (lambda: task(result=[{"from_name": 3}]), "[1].annotations[0].result[0]"),
    (lambda: {"data": {"content": "kısa"}, "annotations": task(result=[choice("keep")])["annotations"]}, "content"),
    (lambda: {"data": {}, "annotations": task(result=[choice("keep")])["annotations"]}, "[1].annotations[0]"),
    (lambda: record(verdict=[{"value": "belki", "user_id": "u"}]), "[1].responses.verdict[0].value"),
    (lambda: record(reason=[{"value": "x", "user_id": "u"}]), "[1].responses"),
    (lambda: record(verdict=[{"value": "keep"}]), "[1].responses.verdict[0].user_id"),
    (lambda: record(verdict=[{"value": "keep", "user_id": "u"}], score_1=[{"value": "üç", "user_id": "u"}]),
     "[1].responses.score_1[0].value"),
    (lambda: {"by": "a", "keep": True}, "[1]"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "place"), BAD)
def test_what_is_no_verdict_names_its_place_and_adds_nothing(
    tmp_path: Path, item: Callable[[], Any], place: str
) -> None:
    run = make(tmp_path / "a")
    file = tmp_path / "v.json"
    good = task(result=[choice("keep")])
    file.write_text(json.dumps([good, item()]))
    with pytest.raises(InputError) as raised:
        import_verdicts(run, file, ["doğruluk"])
    assert raised.value.where.startswith(str(file))
    assert raised.value.where.endswith(place)
    assert verdicts_of(run) == {}


def test_a_broken_array_and_a_wrong_score_in_a_line(tmp_path: Path) -> None:
    run, file = make(tmp_path / "a"), tmp_path / "v.json"
    file.write_text('[{"data": ')
    with pytest.raises(InputError, match="no JSON array"):
        import_verdicts(run, file)
    file.write_text('{"row": "r01", "by": "a", "keep": true, "scores": {"doğruluk": 6}}')
    with pytest.raises(InputError, match="from 1 to 5") as raised:
        import_verdicts(run, file)
    assert raised.value.where == f"{file}:1 scores.doğruluk"


def test_an_export_overwrites_nothing_and_says_for_whom_it_is(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "v.xml").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        hand_out(run, tmp_path / "v.json", "label-studio")
    with pytest.raises(UsageError, match="for which tool"):
        hand_out(run, tmp_path / "v.json", "")
    with pytest.raises(UsageError, match="no form 'xlsx'"):
        hand_out(run, tmp_path / "v.json", "xlsx")
    with pytest.raises(UsageError, match="no such folder"):
        hand_out(run, tmp_path / "nowhere" / "v.jsonl", "")
    assert hand_out(run, tmp_path / "v.jsonl", "").startswith("5 verdicts")
    with pytest.raises(UsageError, match="names nobody"):
        add(run, tmp_path / "v.jsonl", ["ayse"])


def test_verdicts_on_rows_that_are_gone_stay_in_json_lines(run: RunFolder, tmp_path: Path) -> None:
    refine(run, SAMPLES[1:])
    assert "2 verdicts on rows that are gone left out" in hand_out(run, tmp_path / "v.json", "argilla")
    assert hand_out(run, tmp_path / "v.jsonl", "").startswith("5 verdicts")


def test_the_most_private_row_is_told(tmp_path: Path) -> None:
    hidden = msgspec.structs.replace(SAMPLES[0], sensitivity=Sensitivity.CONFIDENTIAL)
    run = make(tmp_path / "a", [hidden, *SAMPLES[1:]])
    write_text(config_folder() / "operator.yaml", "reviewers: {argilla: confidential}\n")
    assert "rows up to confidential stand in it" in hand_out(run, tmp_path / "v.json", "argilla")


def test_blind_rows_stay_blind_on_their_way(tmp_path: Path) -> None:
    """Nothing of who answered goes out; what comes back counts for the calibration of a judge."""
    run = make(tmp_path / "a", SAMPLES[:1], "{sample: 1, doubtful: 0, blind: true}")
    hand_out(run, tmp_path / "v.json", "label-studio")
    (task,) = json.loads((tmp_path / "v.json").read_text())
    assert "teacher" not in task["data"]
    task["annotations"] = [{"completed_by": "ayse", "result": [choice("reject")]}]
    (tmp_path / "back.json").write_text(json.dumps([task]))
    add(run, tmp_path / "back.json")
    ((given,),) = verdicts_of(run).values()
    assert given.blind


def test_several_turns_go_out_with_their_roles(tmp_path: Path) -> None:
    turns = (Message(role="user", content="Merhaba"), Message(role="assistant", content="Buyurun"))
    asked = msgspec.structs.replace(SAMPLES[0].task, messages=(*turns, Message(role="user", content="Kargom nerede?")))
    run = make(tmp_path / "a", [msgspec.structs.replace(SAMPLES[0], task=asked)])
    hand_out(run, tmp_path / "v.json", "argilla")
    (found,) = json.loads((tmp_path / "v.json").read_text())
    assert found["fields"]["question"] == "user: Merhaba\n\nassistant: Buyurun\n\nuser: Kargom nerede?"
