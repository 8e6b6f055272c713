"""Rented cards: hours and memory by arithmetic, totals as ranges, and the page that quotes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imbik.advise.cards_table import CARDS_HEAD, cards_rows, cards_told
from imbik.core.errors import UsageError
from imbik.core.runfolder import RunFolder
from imbik.pipeline.amounts import training_tokens
from imbik.pipeline.cards import TRAINING, card_plans
from imbik.pipeline.rows import look
from imbik.pipeline.sizes import Size, model_size, with_shape
from imbik.recipe import Recipe, build, load_recipe
from imbik.teachers.catalogue.hardware import card_of, known_cards, shape_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "pairs.md"
ROWS, ASKED, ANSWERED = 7473, 235, 285  # GSM8K: tasks, mean characters of a question and of its answer
CARDS = {
    "deepseek-v3-to-phi-4-mini": "h200",
    "llama-3.1-405b-to-8b": "h100",
    "gpt-4o-to-llama-3.2-1b": "l4",
    "claude-to-mistral-7b": "rtx4090",
    "llama-3-70b-to-anka-7b": "a100",
}


@pytest.fixture
def plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Plans of a shipped pair, for tasks as long as GSM8K's."""
    row = {"question": "x" * ASKED, "answer": "y" * (ANSWERED - 7) + "\n#### 12"}
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for _ in range(ROWS)), encoding="utf-8")
    monkeypatch.setenv("IMBIK_GSM8K", str(tmp_path))

    def of(name: str, card: str, *changed: str) -> Any:
        recipe = load_recipe(ROOT / "recipes" / "pairs" / f"{name}.yaml", changed)
        return card_plans(recipe, RunFolder(tmp_path / "runs" / recipe.name), card_of(card))

    return of


def plain(tmp_path: Path, **train: Any) -> tuple[Recipe, RunFolder]:
    (tmp_path / "rows.csv").write_text("question,answer\n" + "bir,iki\n" * 1000, encoding="utf-8")
    data = {
        "name": "a",
        "tasks": {"source": "rows.csv", "kind": "qa", "sensitivity": "public"},
        "generate": {"from": "reference"},
        "student": {"model": "meta-llama/Llama-3.2-1B"},
        "train": {"steps": 1000, "batch_size": 64, **train},
    }
    return build(data, base=tmp_path), RunFolder(tmp_path / "runs" / "a")


def test_hours_are_operations_over_speed(tmp_path: Path) -> None:
    recipe, run = plain(tmp_path)
    card, (one, four, _) = card_of("h100"), card_plans(*plain(tmp_path), card_of("h100"))
    tokens = training_tokens(recipe, look(recipe, run))
    wanted = 6 * 1.236e9 * tokens / (989e12 * TRAINING[1] * 3600)
    assert one.training is not None
    assert one.training.low == pytest.approx(wanted)
    assert one.training.high == pytest.approx(wanted * TRAINING[1] / TRAINING[0])
    assert one.rent is not None
    assert one.rent.low == pytest.approx(wanted * float(card.low))
    assert four.training is not None
    assert one.training.low / 4 < four.training.low < one.training.low / 3, "several together lose a little"
    assert four.student_bytes == one.student_bytes
    lora = card_plans(*plain(tmp_path, method="lora"), card)[0]
    assert lora.training is not None
    assert lora.training.low == pytest.approx(wanted * 4 / 6)
    assert lora.student_bytes < one.student_bytes / 2
    three = card_plans(*plain(tmp_path, seeds=[1, 2, 3]), card)[0]
    assert three.training is not None
    assert three.training.low == pytest.approx(3 * wanted)


def test_what_does_not_fit_has_no_total(plans: Callable[..., Any]) -> None:
    one, four, eight = plans("llama-3.1-405b-to-8b", "h100")
    assert (one.teacher_in, four.teacher_in, eight.teacher_in) == ("", "", "fp8")
    assert one.total is None
    assert four.total is None
    assert eight.total is not None
    assert eight.total.low < eight.total.high
    small = plans("llama-3.1-405b-to-8b", "l4")[0]
    assert small.training is None
    assert "does not fit" in cards_rows([small])[0][1]


def test_answers_paid_by_the_token_are_in_the_total(plans: Callable[..., Any]) -> None:
    one = plans("gpt-4o-to-llama-3.2-1b", "l4")[0]
    assert one.teaching is None
    assert one.answers.low > 1
    assert one.total.low == pytest.approx(one.rent.low + one.answers.low)
    assert one.total.high == pytest.approx(one.rent.high + one.answers.high)


def test_names_that_are_known_and_others() -> None:
    shape = shape_of("meta-llama/Meta-Llama-3.1-8B-Instruct")
    assert shape is not None
    assert shape.hidden_size == 4096
    assert shape_of("deepseek-ai/DeepSeek-V3-0324").active == 37  # type: ignore[union-attr]
    assert shape_of("my-own") is None
    assert model_size("microsoft/Phi-4-mini-instruct", Path("/nowhere")) == Size(3_840_000_000, True, 3072, 32, 200064)
    guessed = with_shape(Size(7_000_000_000, True))
    assert 12 * guessed.layers * guessed.hidden_size**2 == pytest.approx(7e9, rel=0.1)
    with pytest.raises(UsageError, match="did you mean 'h100'"):
        card_of("h10")
    for card in known_cards().values():
        assert 0 < card.low < card.high
        assert card.date.year >= 2026


def page(plans: Callable[..., Any]) -> str:
    """The tables of docs/pairs.md."""
    parts = []
    for name, card in CARDS.items():
        parts += [f"### {name}", "", f"`imbik run recipes/pairs/{name}.yaml --dry-run --gpus {card}`", ""]
        parts += [f"| {' | '.join(CARDS_HEAD)} |", "|" + "---|" * len(CARDS_HEAD)]
        parts += [f"| {' | '.join(cell or '–' for cell in row)} |" for row in cards_rows(plans(name, card))]
        parts.append("")
    return "\n".join(parts)


def test_the_page_quotes_what_the_command_prints(plans: Callable[..., Any]) -> None:
    """To write it anew: python -m pytest tests/pipeline/test_cards.py prints what should stand there."""
    wanted = page(plans)
    print(wanted)
    assert wanted.strip() in PAGE.read_text(encoding="utf-8")
    assert cards_told()[0].split(",")[0] in PAGE.read_text(encoding="utf-8")
