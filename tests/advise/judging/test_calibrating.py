"""Calibrating over real HTTP: blind labels only, figures that are right, and a run that then may reject."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import imbik
from imbik.advise.judging.calibrating import calibrate
from imbik.cli.main import application
from imbik.core.errors import InputError, TeacherUnreachableError, UsageError
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Sample, Verdict
from imbik.review.content import content_key
from imbik.review.store import ExpertVerdict, add_verdicts
from imbik.testing import FakeTeacher, Rule, honest

RECIPE = """
name: ölçülen
tasks: {{source: rows.csv, kind: math, sensitivity: public, split: {{validation: 0.1, test: 0.1}}}}
teachers:
  buyuk: {{use: openai, model: b, base_url: "{teacher}", concurrency: 4}}
  yargıç: {{use: openai, model: y, base_url: "{judge}", concurrency: 4}}
generate: {{teacher: buyuk}}
refine: [shape, {{use: judge, teacher: yargıç, rubric: [doğruluk], on_low: reject, calibrated: {{n: 40}}}}]
review: {{sample: 0.5}}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2}}
"""


def half_right(messages: Sequence[Mapping[str, str]]) -> str:
    number = int(messages[0]["content"].split()[0])
    return f"3 + 4 = 7\nCevap: {7 if number % 2 else 8}"


class Place:
    """A run up to refine, with its teachers still serving."""

    def __init__(self, folder: Path, teacher: FakeTeacher, judge: FakeTeacher) -> None:
        self.folder, self.teacher, self.judge = folder, teacher, judge
        self.recipe, self.runs = folder / "recipe.yaml", folder / "runs"
        self.run = RunFolder(self.runs / "ölçülen")

    def refine(self) -> None:
        imbik.run(self.recipe, runs=self.runs, until="refine")

    def samples(self) -> list[Sample]:
        return list(read_parts(self.run.stage("2_answers"), Sample))

    def labels(self, wrong: int = 0, **more: Any) -> Path:
        """A blind label of each sample by its truth, `wrong` of them the other way round."""
        lines = [
            {"row": s.id, "by": "ayşe", "keep": (s.answer == "7") != (n < wrong), "blind": True, **more}
            for n, s in enumerate(self.samples())
        ]
        path = self.folder / "labels.jsonl"
        path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
        return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answer"])
        question = "{} numaralı kutuda 3 elma ile 4 armut var, kaç meyve eder?"
        writer.writerows([question.format(number), "7"] for number in range(60))
    with FakeTeacher(half_right) as teacher, FakeTeacher(honest) as judge:
        text = RECIPE.format(teacher=teacher.base_url, judge=judge.base_url)
        (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
        place = Place(tmp_path, teacher, judge)
        place.refine()
        yield place


def rejected(place: Place) -> dict[str, int]:
    manifest = place.run.manifest("3_refined")
    assert manifest is not None
    return dict(manifest.books.reasons)


def test_a_calibrated_judge_may_reject_and_only_the_refining_is_done_again(place: Place) -> None:
    assert rejected(place) == {}
    asked = place.judge.count
    found = calibrate(str(place.recipe), place.labels(wrong=4), runs=place.runs)
    at = found.made.at["4"]
    assert (at.n, at.fp + at.fn, found.short) == (54, 4, "")
    assert at.kappa is not None
    assert 0.8 < at.kappa.value < 0.9
    assert found.path == place.runs / "calibrations" / f"{found.made.key}.json"
    assert place.judge.count == asked, "marks that the run paid for are not asked again"
    place.refine()
    assert rejected(place) == {"judge": sum(sample.answer == "8" for sample in place.samples())}
    assert (place.judge.count, place.teacher.count) == (asked, 54)


def test_a_judge_below_the_bar_annotates_and_the_run_says_so(place: Place) -> None:
    found = calibrate(str(place.recipe), place.labels(wrong=20), runs=place.runs)
    assert found.short.startswith("its kappa is 0.")
    place.refine()
    manifest = place.run.manifest("3_refined")
    assert manifest is not None
    assert manifest.books.rejected == 0
    assert any("annotates and rejects nothing: its kappa is 0." in line for line in manifest.warnings)


def test_labels_that_were_not_given_blind_are_refused_in_words(place: Place) -> None:
    with pytest.raises(InputError, match="given after seeing the judge's mark agrees with it") as error:
        calibrate(str(place.recipe), place.labels(blind=False), runs=place.runs)
    assert "review: {blind: true}" in error.value.next
    path = place.labels()
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0].replace("true}", "false}"), *lines[1:]]), encoding="utf-8")
    found = calibrate(str(place.recipe), path, runs=place.runs)
    assert found.made.at["4"].n == 53
    assert found.refused[0].startswith(f"{path}:1: does not say that it was given blind")
    assert not list((place.runs / "calibrations").glob("*.tmp"))


def test_the_runs_own_review_is_taken_where_it_was_blind(place: Place) -> None:
    samples = place.samples()
    with pytest.raises(InputError, match="there are none"):
        calibrate("ölçülen", runs=place.runs)
    said = [
        ExpertVerdict(
            content=content_key(sample), verdict=Verdict(by=name, keep=sample.answer == "7"), row=sample.id,
            blind=blind, answer="7" if n == 50 else None,
        )
        for n, sample in enumerate(samples)
        for name, blind in (("ayşe", True), ("mehmet", n % 2 == 0))
    ]  # fmt: skip
    add_verdicts(place.run, said)
    found = calibrate("ölçülen", runs=place.runs)
    assert found.made.at["4"].n == 53
    assert found.made.experts == 2
    assert len(found.refused) == 27 + 2
    assert any("comes with an edit" in line for line in found.refused)


def test_ties_decide_nothing_and_labels_may_bring_their_own_rows(place: Place) -> None:
    own = {"question": "3 + 4 kaçtır?", "known": "7", "by": "ayşe", "blind": True}
    lines = [
        {**own, "answer": "7", "keep": True},
        {**own, "answer": "8", "keep": False},
        {**own, "answer": "9", "keep": True},
        {**own, "answer": "9", "keep": False, "by": "mehmet"},
    ]
    path = place.folder / "own.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    found = calibrate(str(place.recipe), path, runs=place.runs)
    at = found.made.at["4"]
    assert (at.tp, at.tn, at.fp, at.fn, found.made.undecided) == (1, 1, 0, 0, 1)
    assert found.short == "its calibration has 2 answers, and 40 are asked for"


def test_what_is_no_label_and_no_judge_is_refused(place: Place) -> None:
    path = place.folder / "bad.jsonl"
    path.write_text('{"row": "r", "by": "a", "keep": "yes", "blind": true}', encoding="utf-8")
    with pytest.raises(InputError, match="this line is no label"):
        calibrate(str(place.recipe), path, runs=place.runs)
    with pytest.raises(UsageError, match="there is no judge 'judge-2'"):
        calibrate(str(place.recipe), place.labels(), check="judge-2", runs=place.runs)
    with pytest.raises(UsageError, match="the recipe has no judges"):
        calibrate(str(place.recipe), place.labels(), runs=place.runs, overrides=["refine=[shape]"])


def test_a_judge_that_cannot_be_asked_leaves_no_calibration(place: Place) -> None:
    place.judge.set_rules(Rule("401"))
    with pytest.raises(TeacherUnreachableError):
        calibrate(str(place.recipe), place.labels(), runs=place.runs, overrides=["refine.1.rubric=[açıklık]"])
    assert not (place.runs / "calibrations").exists()


def test_the_command_prints_the_table_and_what_it_means(place: Place) -> None:
    arguments = ["judge", "calibrate", str(place.recipe), "--labels", str(place.labels(wrong=4)), "-q"]
    done = CliRunner().invoke(application(), [*arguments, "--runs", str(place.runs)])
    assert done.exit_code == 0, done.output
    assert "<- at_least of the recipe" in done.output
    assert "it reaches the recipe's bar: on_low: reject of 'judge' rejects from the next run on" in done.output
