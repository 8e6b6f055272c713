"""Own rows in, the same rows out with answers: nothing dropped, nothing overwritten."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from imbik.core.errors import InputError, RunFolderError, UsageError
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity
from imbik.serve.predict import predict
from small_runs import COLOURS, SmallRun


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    return SmallRun(tmp_path_factory.mktemp("run"), kind="classification")


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    return SmallRun(tmp_path_factory.mktemp("run"), sensitivity="internal")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_line_comes_back_with_an_answer_or_a_reason(colours: SmallRun, tmp_path: Path) -> None:
    rows = 'text,müşteri,label\n"kırmızı top, nerede?",7,mor\n,8,mavi\nbozuk satır\nyeşil top,9,yeşil\n'
    (tmp_path / "in.csv").write_text(rows, encoding="utf-8")
    done = predict(colours.run, tmp_path / "in.csv", tmp_path / "out.csv")
    out = read_csv(tmp_path / "out.csv")
    assert list(out[0]) == ["text", "müşteri", "label", "answer", "reasoning", "confidence", "problem"]
    assert [row["müşteri"] for row in out] == ["7", "8", "", "9"]
    assert [row["label"] for row in out] == ["mor", "mavi", "", "yeşil"]  # an unknown label is no obstacle
    assert out[0]["answer"] in COLOURS
    assert 1 / 3 <= float(out[0]["confidence"]) <= 1
    assert out[1]["answer"] == ""
    assert "question is empty" in out[1]["problem"]
    assert ":4: wrong number of cells" in out[2]["problem"]
    assert (done.rows, done.problems) == (4, 2)


def test_json_lines_keep_values_as_they_were(colours: SmallRun, tmp_path: Path) -> None:
    rows = [{"text": "mavi top", "n": 3, "tags": ["a", None]}, {"text": "yeşil top", "extra": True}, {"n": 1}]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    predict(colours.run, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [{key: row[key] for key in row if key in ("text", "n", "tags", "extra")} for row in out] == rows
    assert out[0]["answer"] in COLOURS
    assert "problem" not in out[0]
    assert "no question found" in out[2]["problem"]
    predict(colours.run, tmp_path / "in.jsonl", tmp_path / "out.tsv")
    assert (tmp_path / "out.tsv").read_text(encoding="utf-8").startswith("text\tn\ttags\textra\tanswer")
    predict(colours.run, tmp_path / "in.jsonl", tmp_path / "out.csv")
    table = read_csv(tmp_path / "out.csv")
    assert list(table[0])[:4] == ["text", "n", "tags", "extra"]
    assert table[0]["tags"] == '["a",null]'


def test_columns_of_the_same_name_are_kept(sums: SmallRun, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("question;answer\n2 elma ile 3 armut?;5\n", encoding="utf-8")
    done = predict(sums.run, tmp_path / "in.csv", tmp_path / "out.csv")
    (row,) = read_csv(tmp_path / "out.csv")
    assert row["answer"] == "5"
    assert "student_answer" in row
    assert done.columns["answer"] == "student_answer"
    assert (done.of_student, done.of_rows) == (Sensitivity.INTERNAL, Sensitivity.CONFIDENTIAL)
    assert (tmp_path / "out.csv").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_no_input_column_is_ever_overwritten(sums: SmallRun, tmp_path: Path, suffix: str) -> None:
    """Not even where the usual other name is taken too: the output of an earlier `predict` as input."""
    old = {"question": "2 elma ile 3 armut?", "answer": "5", "student_answer": "OLD", "student_student_answer": "OLDER"}
    (tmp_path / "in.jsonl").write_text(json.dumps(old) + "\n", encoding="utf-8")
    out = tmp_path / f"out{suffix}"
    done = predict(sums.run, tmp_path / "in.jsonl", out)
    (row,) = read_csv(out) if suffix == ".csv" else [json.loads(out.read_text(encoding="utf-8"))]
    assert {name: row[name] for name in old} == old
    assert done.columns["answer"] == "student_student_student_answer"
    assert row["student_student_student_answer"] not in ("OLD", "OLDER")
    assert any("`answer` already" in note and "`student_student_student_answer`" in note for note in done.notes)
    assert out.read_text(encoding="utf-8").splitlines()[0].count("student_student_student_answer") == 1


def test_turkish_excel_files_are_read(colours: SmallRun, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("metin;no\nkırmızı ağır top;1\nyeşil şişe;2\n".encode("cp1254"))
    done = predict(colours.run, tmp_path / "in.csv", tmp_path / "out.csv")
    assert any("semicolon" in note for note in done.notes)
    assert [row["metin"] for row in read_csv(tmp_path / "out.csv")] == ["kırmızı ağır top", "yeşil şişe"]


def test_the_same_rows_get_the_same_answers(colours: SmallRun, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\n" + "".join(f"{i}. mavi top\n" for i in range(40)), encoding="utf-8")
    for name in ("a.csv", "b.csv"):
        predict(colours.run, tmp_path / "in.csv", tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_row_longer_than_the_model_says_so(colours: SmallRun, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\n" + "top " * 400 + "\nmavi top\n", encoding="utf-8")
    predict(colours.run, tmp_path / "in.csv", tmp_path / "out.csv")
    out = read_csv(tmp_path / "out.csv")
    assert "context" in out[0]["problem"]
    assert out[1]["problem"] == ""


def test_what_cannot_work_is_refused_before_the_model_is_loaded(colours: SmallRun, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\nmavi\n", encoding="utf-8")
    with pytest.raises(UsageError, match="would replace the rows"):
        predict(colours.run, tmp_path / "in.csv", tmp_path / "in.csv")
    with pytest.raises(UsageError, match=r"written as \.csv"):
        predict(colours.run, tmp_path / "in.csv", tmp_path / "out.xlsx")
    with pytest.raises(UsageError, match="there is no folder"):
        predict(colours.run, tmp_path / "in.csv", tmp_path / "absent" / "out.csv")
    assert not (tmp_path / "absent").exists()
    with pytest.raises(InputError, match="no such file"):
        predict(colours.run, tmp_path / "nothing.csv", tmp_path / "out.csv")
    with pytest.raises(RunFolderError, match="not a run folder"):
        predict(RunFolder(tmp_path), tmp_path / "in.csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_unmarked_rows_are_confidential_until_said_otherwise(colours: SmallRun, sums: SmallRun, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\nmavi top\n", encoding="utf-8")
    (tmp_path / "sums.csv").write_text("question\n2 elma ile 3 armut?\n", encoding="utf-8")
    out = tmp_path / "out.csv"
    done = predict(colours.run, tmp_path / "in.csv", out)
    assert (done.sensitivity, done.of_student) == (Sensitivity.CONFIDENTIAL, Sensitivity.PUBLIC)
    said = predict(colours.run, tmp_path / "in.csv", out, sensitivity=Sensitivity.PUBLIC)
    assert said.sensitivity is Sensitivity.PUBLIC
    assert predict(sums.run, tmp_path / "sums.csv", out, sensitivity=Sensitivity.PUBLIC).sensitivity == "internal"


def test_rows_that_the_recipes_column_marks_raise_the_level(colours: SmallRun, tmp_path: Path) -> None:
    recipe = colours.run.path / "recipe.yaml"
    text = recipe.read_text(encoding="utf-8")
    (tmp_path / "in.csv").write_text("text,gizlilik\nmavi top,public\nyeşil top,special\n", encoding="utf-8")
    recipe.write_text(text.replace("sensitivity: public", "sensitivity: gizlilik"), encoding="utf-8")
    try:
        done = predict(colours.run, tmp_path / "in.csv", tmp_path / "out.csv", sensitivity=Sensitivity.PUBLIC)
    finally:
        recipe.write_text(text, encoding="utf-8")
    assert done.sensitivity is Sensitivity.SPECIAL


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("mavi top nerede\n", "there are no rows to answer"),
        ("colour,n\nmavi,1\nyeşil,2\n", "no row can be answered; the first: no question found.*colour, n"),
    ],
)
def test_a_file_without_a_question_is_refused_before_work_begins(
    colours: SmallRun, tmp_path: Path, rows: str, said: str
) -> None:
    (tmp_path / "in.csv").write_text(rows, encoding="utf-8")
    told: list[int] = []
    with pytest.raises(InputError, match=said):
        predict(colours.run, tmp_path / "in.csv", tmp_path / "out.csv", told.append)
    assert told == []
    assert not (tmp_path / "out.csv").exists()
