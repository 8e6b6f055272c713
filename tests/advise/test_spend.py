"""`imbik show RUN spend` says what was bought, and what was not because it was in the store."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import imbik
from imbik.advise.notify import notify
from imbik.advise.spend import HEAD, reused, spend_line, spend_rows
from imbik.ask import ledger
from imbik.core.runfolder import RunFolder
from imbik.pipeline.money import Cost, warnings
from imbik.recipe import load_recipe
from imbik.testing import FakeTeacher

RECIPE = """
name: {name}
tasks: {{source: rows.csv, kind: math, sensitivity: public}}
teachers: {{t: {{use: openai, model: t, base_url: "{url}", price: {{input: 1, output: 2}}}}}}
generate: {{max_tokens: 16}}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2}}
"""


def write_rows(folder: Path, count: int) -> None:
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answer"])
        writer.writerows([f"İlk sayı {n}, ikincisi 3 ise toplam kaçtır?", n + 3] for n in range(count))


def asked(folder: Path, name: str, url: str) -> RunFolder:
    """A run of the recipe under this name, as far as its answers."""
    (folder / "recipe.yaml").write_text(RECIPE.format(name=name, url=url), encoding="utf-8")
    imbik.run(folder / "recipe.yaml", runs=folder / "runs", until="generate")
    return RunFolder(folder / "runs" / name)


def test_a_run_that_bought_nothing_says_what_its_answers_had_cost(tmp_path: Path) -> None:
    with FakeTeacher(lambda _: "Cevap: 7") as teacher:
        write_rows(tmp_path, 40)
        first = asked(tmp_path, "bir", teacher.base_url)
        count = teacher.count
        (bought,) = ledger.read(first.store, "bir")
        assert (bought.stage, bought.answers) == ("generate", count)
        assert reused(first, [bought]) == (0, 0)
        assert "used again" not in spend_line(first)
        second = asked(tmp_path, "iki", teacher.base_url)
        assert teacher.count == count
        assert spend_rows(second) == []
        assert reused(second, []) == (count, bought.paid)
        assert f"iki: no teacher was paid; {count} stored answers were used again and not paid twice: " in spend_line(
            second
        )
        write_rows(tmp_path, 60)
        third = asked(tmp_path, "uc", teacher.base_url)
        (more,) = ledger.read(third.store, "uc")
        assert reused(third, [more]) == (count, bought.paid)
        assert f"spent; {count} stored answers were used again" in spend_line(third)


def test_what_a_teacher_of_unknown_price_cost_is_not_said_to_be_nothing(tmp_path: Path) -> None:
    with FakeTeacher(lambda _: "Cevap: 7") as teacher:
        write_rows(tmp_path, 20)
        text = RECIPE.format(name="ucret", url=teacher.base_url).replace(", price: {input: 1, output: 2}", "")
        (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
        imbik.run(tmp_path / "recipe.yaml", runs=tmp_path / "runs", until="generate")
        run = RunFolder(tmp_path / "runs" / "ucret")
    (row,) = spend_rows(run)
    assert dict(zip(HEAD, row, strict=True))["paid USD"] == "not known"
    assert "beside what 't' cost, whose price is not known" in spend_line(run)
    told = tmp_path / "told"
    program = "import os, sys; open(sys.argv[1], 'w').write(repr(os.environ['IMBIK_SPENT_USD']))"
    assert notify([sys.executable, "-c", program, str(told)], run, 0) == ""
    assert told.read_text() == "''"


def test_a_lower_budget_is_no_matter_where_everything_is_bought(tmp_path: Path) -> None:
    write_rows(tmp_path, 40)
    with FakeTeacher(lambda _: "Cevap: 7") as teacher:
        run = asked(tmp_path, "bir", teacher.base_url)
        (bought,) = ledger.read(run.store, "bir")
        recipe = load_recipe(tmp_path / "recipe.yaml", [f"budget.total={bought.paid / 2}"])
        calls = bought.answers
        forecast = Cost(bought.paid, bought.paid, bought.paid)
        assert not list(warnings(recipe, forecast, calls, run))
        assert "will hardly cover all questions" in "".join(warnings(recipe, forecast, 2 * calls, run))
        assert "will hardly cover all questions" in "".join(
            warnings(recipe, forecast, calls, RunFolder(tmp_path / "bos"))
        )
