"""dpo: what stands in a pair, which rejections make one, and that every rejected answer is accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from exchangekit import lay, lines, made, talk, turned_away
from imbik.core.errors import RunFolderError, UsageError
from imbik.core.files import write_lines
from imbik.core.types import Completion, Sample, Verdict
from imbik.exchange.rows import Wanted
from stagekit import make_sample, make_task

TURN = {
    "type": "object", "required": ["role", "content"], "additionalProperties": False,
    "properties": {"role": {"enum": ["system", "user", "assistant"]}, "content": {"type": "string", "minLength": 1}},
}  # fmt: skip
TRL = {
    "type": "object", "required": ["prompt", "chosen", "rejected"],
    "properties": {
        "prompt": {"type": "array", "minItems": 1, "items": TURN},
        **{name: {"type": "array", "minItems": 1, "maxItems": 1, "items": TURN} for name in ("chosen", "rejected")},
    },
}  # fmt: skip
"""TRL, dataset formats: preference, conversational, explicit prompt."""


def sample(task: Any, number: int, answer: str, **more: Any) -> Sample:
    return make_sample(task, number, answer, "", **more)


def test_a_kept_and_a_rejected_answer_with_the_reason(tmp_path: Path) -> None:
    task = talk("t1", "!Kısa yaz.", "İade süresi?", "14 gün.", "Işık için?")
    bad = turned_away(sample(task, 1, "Bilmem."), "answer", "'Bilmem' is not the known 'Evet'")
    folder, done = made(lay(tmp_path, [sample(task, 0, "Evet.")], rejected=[[bad]]), "dpo")
    (row,) = lines(folder / "train.jsonl")
    jsonschema.validate(row, TRL)
    assert [turn["role"] for turn in row["prompt"]] == ["system", "user", "assistant", "user"]
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("Evet.", "Bilmem.")
    assert (row["id"], row["by"], row["reason"]) == ("t1#t#1", "answer", "'Bilmem' is not the known 'Evet'")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "- dpo" in card
    assert "Bilmem" not in card
    assert done.rows == {"train": 1}


def test_a_repair_goes_with_what_it_repairs_and_kept_answers_are_used_in_turn(tmp_path: Path) -> None:
    task = talk("t1", "soru")
    kept = [sample(task, 0, "a"), sample(task, 1, "b"), sample(task, 5, "onarım", repairs="t1#t#3")]
    bad = [turned_away(sample(task, n, f"yanlış {n}"), "answer", "no") for n in (2, 3, 4)]
    folder, _ = made(lay(tmp_path, kept, rejected=[bad]), "dpo")
    found = {row["id"]: row["chosen"][0]["content"] for row in lines(folder / "train.jsonl")}
    assert found == {"t1#t#2": "a", "t1#t#3": "onarım", "t1#t#4": "b"}


def test_every_rejected_answer_is_in_a_pair_or_counted(tmp_path: Path) -> None:
    task, other, lonely = talk("t1", "soru"), talk("t2", "soru"), talk("t3", "soru")
    kept = [sample(task, 0, "doğru"), sample(other, 0, "doğru")]
    first = [
        turned_away(sample(task, 1, "yanlış"), "answer", "no"),
        turned_away(sample(task, 2, "yanlış"), "answer", "no"),
        turned_away(sample(task, 3, "doğru"), "shape", "too short"),
        turned_away(sample(task, 4, "", completion=Completion(answer="Ne bileyim")), "answer", "no answer found"),
        turned_away(sample(task, 5, "", completion=Completion(answer=" ")), "answer", "no answer found"),
        turned_away(sample(task, 6, "çöktü"), "answer", "check answer crashed: KeyError"),
        turned_away(sample(lonely, 0, "yanlış"), "answer", "no"),
    ]
    second = [turned_away(sample(other, n, f"kopya {n}"), "duplicates", "like t9") for n in (1, 2)]
    third = [turned_away(sample(other, 3, "x"), "gone", "?")]
    folder, done = made(lay(tmp_path, kept, rejected=[first, second, third]), "dpo")
    assert [row["rejected"][0]["content"] for row in lines(folder / "train.jsonl")] == ["yanlış", "Ne bileyim"]
    assert dict(done.left.reasons) == {
        "rejected, in the words of another answer": 2,
        "rejected, and empty": 1,
        "rejected by answer, which says nothing of its worth": 1,
        "rejected, and no answer of the task was kept": 1,
        "rejected by duplicates, which says nothing of its worth": 2,
        "rejected by a check that the recipe does not name": 1,
    }
    assert done.total + done.left.total == len(first) + len(second) + len(third)


def test_not_more_than_wanted_of_one_task(tmp_path: Path) -> None:
    task = talk("t1", "soru")
    bad = [turned_away(sample(task, n, f"yanlış {n}"), "answer", "no") for n in range(1, 8)]
    run = lay(tmp_path, [sample(task, 0, "doğru")], rejected=[bad])
    assert made(run, "dpo")[1].rows == {"train": 4}
    _, done = made(run, "dpo", settings={"pairs": 2})
    assert (done.rows, done.left.reasons) == ({"train": 2}, {"rejected, beyond 2 of one task": 5})


@pytest.mark.parametrize(("how", "chosen"), [("inline", "2 + 3 = 5\nCevap: 5"), ("none", "Cevap: 5")])
def test_reasoning_is_written_in_both_alike(tmp_path: Path, how: Any, chosen: str) -> None:
    task = make_task("t1")
    bad = turned_away(make_sample(task, 1, "6", "2 + 3 = 6"), "answer", "no")
    run = lay(tmp_path, [make_sample(task)], rejected=[[bad]], kind="math")
    folder, _ = made(run, "dpo", wanted=Wanted(reasoning=how))
    (row,) = lines(folder / "train.jsonl")
    assert row["chosen"][0]["content"] == chosen
    assert row["rejected"][0]["content"] == chosen.replace("5", "6").replace("2 + 3 = 6", "2 + 3 = 6")


def test_experts_edits_and_rejections_without_their_names(tmp_path: Path) -> None:
    task, other = talk("t1", "soru"), talk("t2", "soru")
    before = [sample(task, 0, "Eksik yanıt"), sample(other, 0, "İyi"), sample(other, 1, "Kaba")]
    edited = msgspec.structs.replace(before[0], answer="Tam yanıt", verdicts=(Verdict(by="Ayşe Yılmaz", keep=True),))
    run = lay(tmp_path, before, reviewed=[edited, before[1]], extra="review: {sample: 1.0, experts: 1}")
    away = turned_away(before[2], "Ayşe Yılmaz", "kırıcı")
    write_lines(run.stage("4_reviewed") / "rejected-00000.jsonl", [away])
    folder, _ = made(run, "dpo")
    rows = {row["id"]: row for row in lines(folder / "train.jsonl")}
    assert rows["t1#t#0"]["chosen"][0]["content"] == "Tam yanıt"
    assert rows["t1#t#0"]["rejected"][0]["content"] == "Eksik yanıt"
    assert (rows["t2#t#1"]["by"], rows["t2#t#1"]["reason"]) == ("expert", "kırıcı")
    assert "Ayşe" not in (folder / "train.jsonl").read_text(encoding="utf-8")


def test_files_in_another_order_are_refused_and_not_passed_over(tmp_path: Path) -> None:
    task, other = talk("t1", "soru"), talk("t2", "soru")
    bad = [turned_away(sample(one, 1, "yanlış"), "answer", "no") for one in (task, other)]
    run = lay(tmp_path, [sample(task, 0, "doğru"), sample(other, 0, "doğru")], rejected=[bad])
    write_lines(run.stage("3_refined") / "rejected-00000.jsonl", reversed(bad))
    with pytest.raises(RunFolderError, match="in another order than their tasks"):
        made(run, "dpo")


def test_answers_that_were_rejected_for_personal_data_make_no_pair(tmp_path: Path) -> None:
    task = talk("t1", "soru")
    bad = turned_away(sample(task, 1, "Numarası 10000000146"), "pii", "an identifier")
    ok = turned_away(sample(task, 2, "yanlış"), "shape", "too long")
    run = lay(tmp_path, [sample(task, 0, "doğru")], rejected=[[bad, ok]])
    (run.path / "recipe.yaml").write_text(
        (run.path / "recipe.yaml").read_text(encoding="utf-8").replace("- use: duplicates", "- use: pii")
    )
    folder, done = made(run, "dpo")
    assert [row["id"] for row in lines(folder / "train.jsonl")] == ["t1#t#2"]
    assert done.left.reasons == {"rejected for personal data": 1}


def test_one_answer_a_task_makes_no_pairs_and_what_would_is_said(tmp_path: Path) -> None:
    bad = turned_away(sample(talk("t2", "soru"), 0, "yanlış"), "answer", "no")
    with pytest.raises(UsageError, match=r"no answer of the task was kept(.|\n)*repair: {rounds: 1}"):
        made(lay(tmp_path, [sample(talk("t1", "soru"), 0, "doğru")], rejected=[[bad]]), "dpo")
