"""An audition tells a strong teacher from a weak one, and says when it cannot."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from imbik.advise.audition import SETS, audition
from imbik.advise.candidates import told_before, with_candidates
from imbik.advise.choosing import Candidate, recommend, rows_to_show
from imbik.cli.main import run_command
from imbik.core.errors import BlockedError, InputError, TeacherUnreachableError, UsageError
from imbik.core.progress import SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.evaluate.bootstrap import Bootstrap
from imbik.pipeline import run
from imbik.recipe import build, load_recipe
from imbik.tasks.read import read_tasks
from imbik.testing import FakeTeacher, Rule

RECIPE = """
name: secme
tasks: {{source: rows.csv, kind: qa, sensitivity: {level}, split: {{validation: 0.1, test: 0.3}}}}
teachers:
  usta: {{use: openai, model: usta, base_url: {strong}, price: {{input: 2, output: 20}}}}
  çırak: {{use: openai, model: cirak, base_url: {weak}, price: {{input: 1, output: 10}}}}
generate: {{teacher: usta, max_tokens: 16, instruction: ''}}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 64}}
{budget}
"""


def number(messages: list[dict[str, Any]]) -> int:
    return int(str(messages[-1]["content"]).split()[-1])


@pytest.fixture
def pair() -> Iterator[tuple[FakeTeacher, FakeTeacher]]:
    """One that is always right, and one that is right two times of five."""
    with (
        FakeTeacher(lambda messages: f"yanıt {number(messages)}") as strong,
        FakeTeacher(lambda messages: f"yanıt {number(messages) if number(messages) % 5 < 2 else 'yok'}") as weak,
    ):
        yield strong, weak


def written(
    folder: Path,
    strong: FakeTeacher,
    weak: FakeTeacher,
    *,
    level: str = "public",
    budget: str = "",
    answers: bool = True,
) -> Path:
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["soru", "cevap"])
        writer.writerows([f"Kaçıncı İĞNE bu {n}", f"yanıt {n}" if answers else ""] for n in range(120))
    path = folder / "recipe.yaml"
    path.write_text(
        RECIPE.format(strong=strong.base_url, weak=weak.base_url, level=level, budget=budget), encoding="utf-8"
    )
    return path


def test_the_stronger_teacher_is_recommended_and_its_answers_are_paid_once(
    tmp_path: Path, pair: tuple[FakeTeacher, FakeTeacher]
) -> None:
    recipe, runs = written(tmp_path, *pair, budget="budget: {total: 5, pilot: 0}"), tmp_path / "runs"
    found, stopped = audition(recipe, ["çırak", "usta"], rows=40, runs=runs)
    best, other = found.candidates
    assert stopped is None
    assert (found.recommended, best.name, other.name) == ("usta", "usta", "çırak")
    assert "40 rows show it" in found.why
    assert best.score is not None
    assert best.score.value == 1
    assert other.behind is not None
    assert 0 < other.behind.low < 0.6 < other.behind.high
    assert best.cost_per_1000 == 1000 * (4 * Decimal(2) + 2 * Decimal(20)) / 1_000_000
    assert best.latency_ms is not None
    assert best.latency_ms.p50 <= best.latency_ms.p95
    assert found.spent == 40 * (best.cost_per_1000 + other.cost_per_1000) / 1000  # type: ignore[operator]
    sets = {task.text: name for task, name in read_tasks(RunFolder(runs / "secme"))}
    for teacher in pair:
        assert teacher.count == 40
        assert {sets[text] for text in teacher.asked} <= set(SETS), "never the test set"
    run(recipe, runs=runs, until="generate")
    assert set(pair[0].asked.values()) == {1}, "the run that follows buys nothing twice"
    kept = json.loads((runs / "secme" / found.file).read_text())
    assert kept["recommended"] == "usta"
    assert "İĞNE" not in json.dumps(kept, ensure_ascii=False)


def test_equal_teachers_are_told_apart_by_price_and_it_is_said(
    tmp_path: Path, pair: tuple[FakeTeacher, FakeTeacher]
) -> None:
    strong = pair[0]
    recipe = written(tmp_path, strong, strong)
    found, _ = audition(recipe, ["usta", "çırak"], rows=20, runs=tmp_path / "runs")
    assert found.recommended == "çırak"
    assert "20 rows cannot tell çırak and usta apart (the 95% interval of their difference holds 0)" in found.why
    assert "; it is the cheapest of them" in found.why
    assert "more rows would help: about 190 (--rows 190) show a difference of 2 points" in found.why


def test_refusals_and_what_is_held_back_are_counted(tmp_path: Path, pair: tuple[FakeTeacher, FakeTeacher]) -> None:
    strong, weak = pair
    weak.set_rules(Rule("refusal", times=3), Rule("filtered", times=2))
    recipe = written(tmp_path, strong, weak)
    found, _ = audition(recipe, ["usta", "çırak"], rows=20, runs=tmp_path / "runs")
    other = next(item for item in found.candidates if item.name == "çırak")
    assert other.outcomes == {"answered": 15, "refused": 3, "filtered": 2}
    assert other.score is not None
    assert other.score.n == 20, "a refusal is an answer, and a wrong one"


def test_candidates_that_no_row_may_reach_are_refused_before_anything_else(
    tmp_path: Path, pair: tuple[FakeTeacher, FakeTeacher]
) -> None:
    recipe = written(tmp_path, *pair, level="confidential")
    recipe.write_text(recipe.read_text().replace("generate: {teacher: usta,", "generate: {from: reference,"))
    with pytest.raises(BlockedError, match="tasks.sensitivity is confidential"):
        audition(recipe, ["openai:gpt-x", "deepseek:deepseek-flash"], rows=20, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    assert (pair[0].count, pair[1].count) == (0, 0)


def test_where_a_column_holds_all_rows_back_the_audition_ends_so(
    tmp_path: Path, pair: tuple[FakeTeacher, FakeTeacher]
) -> None:
    recipe = written(tmp_path, *pair, level="mahrem")
    rows = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()
    marked = [f"{rows[0]},mahrem", *(f"{row},confidential" for row in rows[1:])]
    (tmp_path / "rows.csv").write_text("\n".join(marked), encoding="utf-8")
    found, stopped = audition(recipe, ["çırak", "usta"], rows=20, runs=tmp_path / "runs")
    assert found.recommended == ""
    assert isinstance(stopped, BlockedError)
    assert (pair[0].count, pair[1].count) == (0, 0)


def test_more_rows_than_there_are_is_said(tmp_path: Path, pair: tuple[FakeTeacher, FakeTeacher]) -> None:
    class Heard(SilentReporter):
        lines: ClassVar[list[str]] = []

        def say(self, text: str) -> None:
            self.lines.append(text)

    found, _ = audition(written(tmp_path, *pair), ["çırak", "usta"], rows=500, runs=tmp_path / "r", reporter=Heard())
    assert found.rows < 500
    assert any(f"only {found.rows} training rows" in line for line in Heard.lines)


def test_a_candidate_whose_key_is_revoked_does_not_end_the_others(
    tmp_path: Path, pair: tuple[FakeTeacher, FakeTeacher]
) -> None:
    strong, weak = pair
    weak.set_rules(Rule("401", after=5))
    recipe = written(tmp_path, strong, weak)
    found, stopped = audition(recipe, ["çırak", "usta"], rows=20, runs=tmp_path / "runs")
    assert isinstance(stopped, TeacherUnreachableError)
    assert found.recommended == "usta"
    other = next(item for item in found.candidates if item.name == "çırak")
    assert other.outcomes["pending"] > 0
    assert "refuses" in other.note
    assert found.why == "nobody else could be asked as many rows, so nothing was compared; too little is known of çırak"


def test_inline_candidates_and_unknown_ones(tmp_path: Path, pair: tuple[FakeTeacher, FakeTeacher]) -> None:
    recipe = written(tmp_path, *pair)
    with pytest.raises(UsageError, match="there is no teacher 'ustaa'"):
        audition(recipe, ["ustaa", "usta"], runs=tmp_path / "runs")
    with pytest.raises(UsageError, match="two teachers"):
        audition(recipe, ["usta"], runs=tmp_path / "runs")
    assert not pair[0].count


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ensemble:gpt-4o", "needs more than a model"),
        ("azure:gpt-4o", "needs more than a model"),
        ("run:usta", "needs more than a model"),
        ("deepsek:deepseek-chat", "did you mean 'deepseek:deepseek-chat'?"),
        ("zzzz", "deepseek:MODEL"),
    ],
)
def test_only_what_can_be_typed_is_suggested(tmp_path: Path, name: str, said: str) -> None:
    made = build(
        {
            "name": "x",
            "tasks": {"source": "x.jsonl", "kind": "qa"},
            "teachers": {"usta": {"use": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}},
            "student": {"architecture": "llama"},
        },
        base=tmp_path,
    )
    with pytest.raises(UsageError) as caught:
        with_candidates(made, ["usta", name])
    assert said in str(caught.value)
    for never in ("ensemble:MODEL", "run:MODEL", "recorded:MODEL", "azure:MODEL"):
        assert never not in str(caught.value)
    assert list(with_candidates(made, ["usta", "deepseek:deepseek-chat"]).teachers) == [
        "usta",
        "deepseek:deepseek-chat",
    ]


class Heard(SilentReporter):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_a_missing_key_and_limited_terms_are_said_before_anybody_is_asked(
    tmp_path: Path, pair: tuple[FakeTeacher, FakeTeacher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    recipe, heard = written(tmp_path, *pair), Heard()
    recipe.write_text(recipe.read_text().replace("model: cirak,", "model: cirak, key: IMBIK_YOK_KEY,"))
    with pytest.raises(UsageError, match="IMBIK_YOK_KEY is not set"):
        audition(recipe, ["çırak", "usta"], rows=5, runs=tmp_path / "runs", reporter=heard)
    assert any("teachers.çırak: the key IMBIK_YOK_KEY is not set" in line for line in heard.lines)
    assert len(set(heard.lines)) == len(heard.lines)
    assert (pair[0].count, pair[1].count) == (0, 0)
    named = ["usta", "openai:gpt-4o"]
    told = list(told_before(with_candidates(load_recipe(recipe), named), named))
    assert any("teachers.openai:gpt-4o: the key OPENAI_API_KEY is not set" in line for line in told)
    assert any("teachers.openai:gpt-4o" in line and "accept_terms: [openai]" in line for line in told)


@pytest.mark.parametrize(
    ("difference", "deviation", "rows"), [(0.05, 0.5, 385), (0.1, 0.5, 97), (0.02, 0.0, 183), (0.5, 0.0, 6)]
)
def test_how_many_rows_show_a_difference(difference: float, deviation: float, rows: int) -> None:
    """n = (1.96 s / d)^2, and the exact bound where there is no spread: at most d of n rows that never differed."""
    assert rows_to_show(difference, deviation) == rows


def test_the_rows_that_were_advised_do_show_the_difference() -> None:
    draws = np.random.default_rng(0)
    wanted = rows_to_show(0.1, 0.5)
    shown = 0
    for _ in range(40):
        apart = draws.choice([-1.0, 0.0, 1.0], size=(1, 4 * wanted), p=[0.075, 0.75, 0.175])
        score = Bootstrap(resamples=400).difference(apart, np.zeros_like(apart))
        assert score is not None
        shown += score.low > 0
    assert shown >= 36, "four times as many show it nearly always"


def test_rows_without_answers_cannot_be_compared(tmp_path: Path, pair: tuple[FakeTeacher, FakeTeacher]) -> None:
    recipe = written(tmp_path, *pair, answers=False)
    with pytest.raises(InputError, match="known answers"):
        audition(recipe, ["usta", "çırak"], runs=tmp_path / "runs")


def test_on_the_command_line(
    tmp_path: Path,
    pair: tuple[FakeTeacher, FakeTeacher],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = written(tmp_path, *pair)
    home = str(tmp_path / "runs")
    words = ["imbik", "audition", str(recipe), "--teachers", "usta, çırak", "-n", "20", "--runs", home]
    monkeypatch.setattr(sys, "argv", [*words, "--quiet"])
    assert run_command() == 0
    text = capsys.readouterr().out
    assert "usta *" in text
    assert "recommended: usta" in text
    assert "the test rows were not touched" in text
    monkeypatch.setattr(sys, "argv", [*words, "--json"])
    assert run_command() == 0
    told = json.loads(capsys.readouterr().out)
    assert told["recommended"] == "usta"
    assert told["spent"] == "0", "asked before, so stored"


def made(name: str, right: int, cost: str | None) -> tuple[Candidate, Any]:
    scores = np.array([[1.0] * right + [0.0] * (40 - right)])
    price = None if cost is None else Decimal(cost)
    return Candidate(name=name, score=Bootstrap().mean(scores), cost_per_1000=price), scores


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        ([("a", 38, "9"), ("b", 37, "1"), ("c", 10, "0")], "b"),  # c is cheaper still, and shown to be worse
        ([("a", 38, "9"), ("b", 37, None)], "a"),  # an unknown price is no bargain
        ([("a", 38, None), ("b", 10, "1")], "a"),
        ([("a", 38, "1"), ("b", 38, "1")], "a"),
        ([("a", 0, "1"), ("b", 0, "2")], ""),  # nobody was right, so nobody is recommended
    ],
)
def test_the_rule(lines: list[tuple[str, int, str | None]], chosen: str) -> None:
    both = [made(*line) for line in lines]
    found = recommend([item for item, _ in both], {item.name: scores for item, scores in both}, "accuracy", 40)
    assert found.name == chosen
