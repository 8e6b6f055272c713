"""A proposal for every kind of file: it passes preflight, and needs no key and no server where answers are there."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from imbik.advise import propose as proposing
from imbik.advise.init import init, read_columns
from imbik.advise.propose import ROWS_FOR_TEACHER, propose, size_of
from imbik.advise.recipe_text import API
from imbik.advise.summary import clock
from imbik.core.errors import BlockedError, ExitCode, InputError, UsageError
from imbik.core.plugins import load_plugin, make, typed_settings
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Sensitivity
from imbik.pipeline import run
from imbik.pipeline.preflight import preflight
from imbik.privacy.addresses import endpoint, normal
from imbik.privacy.keys import find_key
from imbik.privacy.operator import Operator
from imbik.recipe import load_recipe
from imbik.recipe.blocks import as_block
from imbik.tasks.inspect import inspect
from imbik.tasks.load import load_tasks
from imbik.tasks.sources.folder import Folder
from imbik.teachers import TeacherContext


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A JSON-lines file."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def labelled(path: Path, count: int) -> Path:
    """A CSV of texts with one of five labels."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        writer.writerows([f"müşteri mesajı {i} konu {i % 5}", f"sınıf {i % 5}"] for i in range(count))
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    "few labels": lambda f: labelled(f / "a.csv", 120),
    "many labels": lambda f: labelled(f / "a.csv", ROWS_FOR_TEACHER + 500),
    "numbers": lambda f: lines(f / "a.jsonl", [{"soru": f"{i} + 1 kaç eder?", "cevap": i + 1} for i in range(80)]),
    "words": lambda f: lines(
        f / "a.jsonl", [{"prompt": f"soru {i}?", "response": f"yanıt {i} budur"} for i in range(80)]
    ),
    "talks": lambda f: lines(
        f / "a.jsonl",
        [
            {"messages": [{"role": "user", "content": f"s{i}"}, {"role": "assistant", "content": "c"}]}
            for i in range(60)
        ],
    ),
    "log": lambda f: lines(
        f / "a.jsonl",
        [
            {
                "request": {"messages": [{"role": "user", "content": f"soru {i}"}]},
                "response": {"choices": [{"message": {"role": "assistant", "content": f"cevap {i}"}}]},
            }
            for i in range(60)
        ],
    ),
}


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_editors_check_what_was_written(
    make: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = init("my-run", make(tmp_path))
    written = [made.recipe, *made.recipe.parent.glob("teacher.yaml")]
    assert len(written) == (2 if "trained here" in made.recipe.read_text().partition("generate:")[0] else 1)
    for path in written:
        first, _, rest = path.read_text(encoding="utf-8").partition("\n")
        schema = json.loads((path.parent / first.removeprefix("# yaml-language-server: $schema=")).read_text())
        jsonschema.validate(yaml.safe_load(rest), schema)
        load_recipe(path)


def test_a_folder_of_rows_that_holds_the_run_is_read_without_the_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    labelled(tmp_path / "a.csv", 120)
    init("my-run", Path())
    assert [path.name for path in Folder(Folder.Settings(path=".")).files(tmp_path)] == ["a.csv"]


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_where_answers_are_there_no_key_and_no_server_is_needed(
    make: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = init("my-run", make(tmp_path))
    recipe = load_recipe(made.recipe)
    assert recipe.tasks.sensitivity == "confidential"
    assert {block.use for block in recipe.teachers.values()} <= {"run", "recorded"}
    preflight(recipe, RunFolder(tmp_path / "runs" / "my-run"))
    assert made.next == f"imbik run {made.recipe}"
    text = made.recipe.read_text(encoding="utf-8")
    assert "# sensitivity: public" in text
    assert "OPENAI_API_KEY" in text or recipe.teachers


def test_the_key_that_the_text_speaks_of_is_the_one_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    exported, kept = re.findall(r"export (\w+)=…   or: keyring set imbik (\w+)", API)[0]
    lines = [line.removeprefix("# ") for line in API.splitlines()]
    proposed = yaml.safe_load(
        "\n".join(line for line in lines if re.match(r"accept_terms:|teachers:|  buyuk:|generate:", line))
    )
    block = as_block(proposed["teachers"]["buyuk"])
    teacher = load_plugin("teachers", block.use)(
        typed_settings("teachers", block), TeacherContext("buyuk", Path(), Path())
    )
    asked = Question(messages=(Message(role="user", content="a"),), row="r", sensitivity=Sensitivity.PUBLIC)
    request = teacher.request(asked)
    assert request.key_name == exported
    monkeypatch.setattr("keyring.get_password", lambda service, name: {("imbik", kept): "gizli"}.get((service, name)))
    assert find_key(request.key_name, endpoint(request.url), normal("93.184.216.34"), Operator()) == "gizli"
    (example,) = re.findall(r"key: (IMBIK_\w+)", API)
    monkeypatch.setenv(example, "gizli")
    assert find_key(example, endpoint("https://api.example.com/v1"), normal("93.184.216.34"), Operator()) == "gizli"


def followed(text: str) -> str:
    """A recipe after doing, word for word, what its closing comment says."""
    body, told = text.split("\n# To let a larger model")
    said = " ".join(line.removeprefix("# ") for line in told.splitlines())
    assert "set `sensitivity: public`" in said
    body = body.replace("  # sensitivity: public", "  sensitivity: public")
    places = re.search(r"in place of ((?:`\w+:`(?:, | and )?)+)", said)
    assert places is not None
    for key in re.findall(r"`(\w+):`", places[1]):
        body, count = re.subn(rf"(?m)^{key}:.*\n(?: .*\n)*", "", body)
        assert count == 1
    for key in re.findall(r"take out `(\w+):` with its two lines", said):
        body, count = re.subn(rf"(?m)^  {key}:\n(?:    .*\n){{2}}", "", body)
        assert count == 1
    for new, old in re.findall(r"put `([\w: ]+)` in place of `([\w: ]+)` under", said):
        assert body.count(f"  {old}") == 1
        body = body.replace(old, new)
    given = (line.removeprefix("# ") for line in told.splitlines())
    return (
        body
        + "\n"
        + "\n".join(line for line in given if re.match(r"accept_terms:|teachers:|  buyuk:|generate:", line))
        + "\n"
    )


@pytest.mark.parametrize("make", ["few labels", "many labels", "numbers", "words", "talks"])
def test_what_the_comment_on_an_api_says_works_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made = init("my-run", FILES[make](tmp_path))
    made.recipe.write_text(followed(made.recipe.read_text(encoding="utf-8")), encoding="utf-8")
    recipe = load_recipe(made.recipe)
    assert recipe.teachers["buyuk"].use == "openai"
    assert recipe.tasks.sensitivity == "public"
    preflight(recipe, RunFolder(tmp_path / "runs" / "my-run"))


def test_many_labels_get_a_teacher_trained_here_and_a_student_an_eighth_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = init("my-run", FILES["many labels"](tmp_path))
    teacher = load_recipe(tmp_path / "my-run" / "teacher.yaml")
    student = load_recipe(made.recipe)
    assert teacher.generate.source == "reference"
    assert student.teachers["buyuk"].raw == {"recipe": "teacher.yaml"}
    assert student.capture is not None
    proposal = propose(inspect(tmp_path / "a.csv"), has_test=False)
    assert proposal.teacher is not None
    assert size_of(proposal.teacher).parameters >= 8 * size_of(proposal.model).parameters
    assert any("trained here on your labels" in line for line in made.words)


@pytest.mark.parametrize("make", ["few labels", "many labels", "words"])
def test_the_forecast_is_what_a_dry_run_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: str) -> None:
    monkeypatch.chdir(tmp_path)
    made = init("my-run", FILES[make](tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["my-run"]
    result = run(made.recipe, dry_run=True)
    every = [each.estimate for each in (*result.children, result)]
    assert len(every) == (2 if make == "many labels" else 1)
    seconds = sum(estimate.total_seconds for estimate in every if estimate)
    assert f"forecast: about {clock(seconds)} on this machine" in made.words


@pytest.mark.parametrize(("rows", "learner"), [(300, "recipe.yaml"), (ROWS_FOR_TEACHER + 500, "teacher.yaml")])
def test_a_model_that_learns_labels_learns_its_questions_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, learner: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made = init("my-run", labelled(tmp_path / "a.csv", rows))
    for name in {learner, "recipe.yaml"}:
        recipe = load_recipe(made.recipe.parent / name)
        assert (recipe.tasks.loss_on, recipe.tasks.prompt_weight, recipe.train.keep) == ("all", 0.04, "last")
        assert recipe.train.dropout == (0.1 if name == learner else 0.0)


def test_rows_without_answers_ask_for_a_teacher_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = init("my-run", lines(tmp_path / "a.jsonl", [{"text": f"metin {i}"} for i in range(40)]))
    assert any("name a teacher" in line for line in made.words)
    assert made.next.startswith(f"name a teacher in {made.recipe}")
    assert made.next.endswith(f"imbik run {made.recipe}")
    with pytest.raises(BlockedError) as raised:
        preflight(load_recipe(made.recipe), RunFolder(tmp_path / "runs" / "my-run"))
    assert raised.value.exit_code is ExitCode.BLOCKED


def office(path: Path, header: str) -> Path:
    """What Excel saves: cp1254, semicolons."""
    rows = [f"{n} numaralı kartım çok geç geldi;{('kargo', 'iade', 'şifre')[n % 3]}" for n in range(240)]
    path.write_bytes("\r\n".join([header, *rows]).encode("cp1254"))
    return path


@pytest.mark.parametrize("header", ["Müşteri Mesajı;Kategori", "Açıklama;Departman", "a;b"])
def test_what_was_judged_is_written_and_the_run_reads_it_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made = init("my-run", office(tmp_path / "m.csv", header))
    recipe = load_recipe(made.recipe)
    prompt, label = header.split(";")
    assert recipe.tasks.columns == {"prompt": prompt, "label": label}
    assert any("judged from the values" in line for line in made.words) == (header != "Müşteri Mesajı;Kategori")
    loaded = load_tasks(recipe, make("tasks/kinds", recipe.tasks.kind))
    assert len(loaded.tasks) == 240
    assert {task.reference.text for task in loaded.tasks if task.reference} == {"kargo", "iade", "şifre"}
    assert {task.language for task in loaded.tasks} == {"tr"}


def test_columns_that_do_not_tell_stop_and_a_person_may_say_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = lines(tmp_path / "a.jsonl", [{"x": f"{n} kart geldi", "y": f"{n} kart gitti"} for n in range(60)])
    with pytest.raises(InputError, match=r"columns \(x, y\)") as raised:
        init("my-run", file)
    assert raised.value.exit_code is ExitCode.USAGE
    assert not (tmp_path / "my-run").exists()
    made = init("my-run", file, columns=read_columns("{prompt: x, answer: y}"))
    assert load_recipe(made.recipe).tasks.columns == {"prompt": "x", "answer": "y"}
    with pytest.raises(UsageError, match="names no columns"):
        read_columns("x, y")


def test_a_column_of_levels_marks_each_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    levels = ("public", "internal", "special")
    rows = [{"mesaj": f"yardım {n}", "etiket": f"e{n % 3}", "gizlilik": levels[n % 3]} for n in range(60)]
    made = init("my-run", lines(tmp_path / "a.jsonl", rows))
    assert load_recipe(made.recipe).tasks.sensitivity == "gizlilik"
    assert any("column gizlilik" in line for line in made.words)


def test_a_slow_machine_gets_smaller_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = inspect(labelled(tmp_path / "a.csv", 6_000))
    fast = propose(found, has_test=False)
    monkeypatch.setattr(proposing, "PATIENCE_SECONDS", fast.seconds / 3)
    slow = propose(found, has_test=False)
    assert fast.teacher is not None
    assert slow.teacher is not None
    assert size_of(slow.teacher).parameters < size_of(fast.teacher).parameters
    assert slow.seconds < fast.seconds


def test_a_test_file_of_the_users_own_takes_nothing_from_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = init("my-run", labelled(tmp_path / "a.csv", 120), test=labelled(tmp_path / "b.csv", 40))
    recipe = load_recipe(made.recipe)
    assert recipe.tasks.split.test == 0
    assert recipe.tasks.test_source is not None
    assert recipe.path(recipe.tasks.test_source.raw["path"]) == tmp_path / "b.csv"


def test_paths_survive_moving_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    init("my-run", labelled(tmp_path / "one" / "a.csv", 120))
    (tmp_path / "one").rename(tmp_path / "two")
    recipe = load_recipe(tmp_path / "two" / "my-run")
    assert recipe.path(recipe.tasks.source.raw["path"]).exists()


def test_columns_with_odd_names_are_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"id: #": i, "Müşteri Mesajı: ilk": "x", "mesaj": f"yardım {i}", "etiket": f"no: #{i % 3}"} for i in range(60)
    ]
    made = init("my-run", lines(tmp_path / "a.jsonl", rows))
    assert load_recipe(made.recipe).tasks.columns["label"] == "etiket"


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("-x", {}, UsageError, "cannot be the name"),
        ("ok", {"kind": "clasification"}, UsageError, "did you mean 'classification'"),
        ("ok", {"test": Path("absent.csv")}, InputError, "no such file"),
    ],
)
def test_what_cannot_be_set_up_is_explained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    options: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        init(name, labelled(tmp_path / "a.csv", 60), **options)
    assert not (tmp_path / name / "recipe.yaml").exists()


@pytest.mark.parametrize("content", [b"", b"text,label\n", b"\x00\x01\x02"], ids=["empty", "only a header", "binary"])
def test_a_file_without_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError):
        init("ok", tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("name", "words", "advice"),
    [
        ("mesajlr.csv", "no such file or folder.*did you mean 'mesajlar.csv'", "check the path after --from"),
        ("absent/a.csv", "no such file or folder", "check the path after --from"),
        ("a.xlsx", "does not read workbooks", "save it as CSV .* or as Parquet"),
        ("not.txt", "unknown format '.txt'", "save the rows as CSV"),
    ],
)
def test_a_source_that_is_none_is_explained_without_a_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str, advice: str
) -> None:
    monkeypatch.chdir(tmp_path)
    labelled(tmp_path / "mesajlar.csv", 60)
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    (tmp_path / "not.txt").write_text("merhaba dünya\nkartım nerede kaldı\nkargom gelmedi\n", encoding="utf-8")
    with pytest.raises(InputError, match=words) as raised:
        init("ok", Path(name))
    assert re.search(advice, raised.value.next)
    assert "tasks.source" not in str(raised.value)
    assert not (tmp_path / "ok").exists()
