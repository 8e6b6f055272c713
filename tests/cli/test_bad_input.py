"""Bad input at the command line: each a clear paragraph with where and what to do, the right code, no traceback."""

from __future__ import annotations

import json
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Ended, Imbik
from imbik.core.errors import ExitCode
from imbik.core.locks import writer_lock
from imbik.testing.tiny_models import make_model

RECIPE = """name: bozuk
tasks:
  source: rows.csv
  kind: classification
  sensitivity: public
  split: {{validation: 0.1, test: 0.2}}
{teachers}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 64, vocabulary: 300}}
train: {{steps: 2, batch_size: 8, learning_rate: 1e-2, precision: fp32, threads: 1}}
"""
PLAIN = "generate: {from: reference}"
GOOD = "text,label\n" + "".join(f"metin {i} burada,{'ab'[i % 2]}\n" for i in range(60))


@pytest.fixture
def run(imbik: Imbik, tmp_path: Path) -> Callable[..., Ended]:
    """Writes rows and recipe, types `imbik run`, and holds every ending to its form."""

    def type_it(rows: bytes | str = GOOD, *words: object, teachers: str = PLAIN) -> Ended:
        data = rows.encode() if isinstance(rows, str) else rows
        (tmp_path / "rows.csv").write_bytes(data)
        (tmp_path / "recipe.yaml").write_text(RECIPE.format(teachers=teachers), encoding="utf-8")
        ended = imbik("run", "recipe.yaml", "-q", *words)
        assert "Traceback" not in ended.err
        assert "error of imbik" not in ended.err
        if ended.code != ExitCode.DONE:
            assert ended.err.startswith("imbik: ")
        return ended

    return type_it


def test_good_rows_pass(run: Callable[..., Ended], tmp_path: Path) -> None:
    assert run(GOOD, "--until", "refine").code == ExitCode.DONE
    assert (tmp_path / "runs" / "bozuk" / "3_refined" / "manifest.json").exists()


@pytest.mark.parametrize(
    "rows",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace(",", ";").replace("metin", "ölçü").encode("cp1254"),
    ],
    ids=["byte order mark", "CRLF", "cp1254 with semicolons"],
)
def test_odd_but_honest_files_are_accepted(run: Callable[..., Ended], rows: bytes, tmp_path: Path) -> None:
    assert run(rows, "--until", "tasks").code == ExitCode.DONE
    manifest = json.loads((tmp_path / "runs" / "bozuk" / "1_tasks" / "manifest.json").read_text())
    assert manifest["books"]["rows_out"] == 60


def test_a_missing_file(run: Callable[..., Ended]) -> None:
    ended = run(GOOD, "--set", "tasks.source=absent.csv")
    assert ended.code == ExitCode.USAGE
    assert "absent.csv" in ended.err
    assert "tasks.source" in ended.err


@pytest.mark.parametrize("rows", [b"", b"text,label\n", b"\xef\xbb\xbf"], ids=["empty", "header only", "only a mark"])
def test_a_file_without_rows(run: Callable[..., Ended], rows: bytes) -> None:
    ended = run(rows)
    assert ended.code == ExitCode.USAGE
    assert "rows.csv" in ended.err


def test_rows_that_cannot_be_used_go_to_quarantine(run: Callable[..., Ended], tmp_path: Path) -> None:
    bad = GOOD.encode() + b"bozuk \xff\xfe bayt,a\n" + b",b\n" + b"x" * 10_000_000 + b",a\n"
    assert run(bad, "--until", "tasks").code == ExitCode.DONE
    lines = (tmp_path / "runs" / "bozuk" / "1_tasks" / "quarantine.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert all(json.loads(line)["reason"] for line in lines)


def test_mixed_types_of_json(run: Callable[..., Ended], tmp_path: Path) -> None:
    lines = [*({"text": f"metin {i}", "label": "ab"[i % 2]} for i in range(40)), {"text": [1], "label": "a"}, 7, None]
    (tmp_path / "mixed.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert run(GOOD, "--set", "tasks.source=mixed.jsonl", "--until", "tasks").code == ExitCode.DONE
    assert len((tmp_path / "runs" / "bozuk" / "1_tasks" / "quarantine.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("trian.steps=3", "did you mean 'train'"),
        ("train.stps=3", "did you mean 'steps'"),
        ("refine=[{use: anser}]", "did you mean 'answer'"),
        ("student.model=nowhere/", "either `model`"),
        ("tasks.kind=clasification", "did you mean 'classification'"),
        ("evaluate.require={retention: lots}", "cannot be read"),
    ],
)
def test_a_wrong_key_or_plugin(run: Callable[..., Ended], change: str, words: str) -> None:
    ended = run(GOOD, "--set", change)
    assert ended.code == ExitCode.USAGE
    assert words in ended.err


def test_wrong_stages(run: Callable[..., Ended]) -> None:
    assert "did you mean 'refine'" in run(GOOD, "--from", "refin").err
    assert "did you mean 'train'" in run(GOOD, "--until", "trian").err


def test_a_secret_is_refused_and_not_written(run: Callable[..., Ended], tmp_path: Path) -> None:
    ended = run(GOOD, "--set", "teachers.a.api_key=cok-gizli")
    assert ended.code == ExitCode.USAGE
    assert "cok-gizli" not in ended.err
    assert not (tmp_path / "runs").exists()


def test_a_key_where_its_name_belongs_is_refused_before_anything_is_written(
    run: Callable[..., Ended], tmp_path: Path
) -> None:
    key = "9a8b7c6d5e4f3a2b1c0d"
    block = f"{{use: openai, model: m, base_url: 'http://127.0.0.1:9/v1', key: {key}}}"
    ended = run(GOOD, teachers=f"teachers: {{a: {block}}}\ngenerate: {{teacher: a}}")
    assert ended.code == ExitCode.USAGE
    assert "recipe.yaml:7" in ended.err
    assert "'teachers.a.key' is not the name of a key" in ended.err
    assert key not in ended.err + ended.out
    assert not (tmp_path / "runs").exists()


def test_an_unreachable_teacher(run: Callable[..., Ended]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    teacher = f"teachers: {{a: {{use: openai, model: m, base_url: 'http://127.0.0.1:{port}/v1', timeout: 2}}}}"
    ended = run(GOOD, teachers=teacher)
    assert ended.code == ExitCode.UNREACHABLE
    assert f"127.0.0.1:{port}" in ended.err
    assert "->" in ended.err


def test_rows_that_are_confidential_by_default(run: Callable[..., Ended]) -> None:
    teacher = "teachers: {a: {use: openai, model: m, base_url: 'https://api.example.com/v1'}}"
    ended = run(GOOD, "--set", "tasks.sensitivity=confidential", teachers=teacher)
    assert ended.code == ExitCode.BLOCKED
    assert "set tasks.sensitivity: public, which lets them leave" in ended.err


def test_an_operators_file_beside_the_recipe_must_be_trusted(
    run: Callable[..., Ended], imbik: Imbik, tmp_path: Path
) -> None:
    (tmp_path / "operator.yaml").write_text("external: [{host: api.example.com, contract: c, accepts: confidential}]")
    teacher = "teachers: {a: {use: openai, model: m, base_url: 'https://api.example.com/v1'}}"
    words = ("--set", "tasks.sensitivity=confidential", "--dry-run")
    ended = run(GOOD, *words, teachers=teacher)
    assert ended.code == ExitCode.BLOCKED
    assert "operator.yaml is not trusted and was ignored" in ended.err
    assert imbik("privacy", "trust", "operator.yaml").code == ExitCode.DONE
    assert run(GOOD, *words, teachers=teacher).code == ExitCode.DONE


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "pickled"),
        (lambda folder: _with_code(folder), "own code"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
    ],
    ids=["no tokenizer", "pickled", "code", "no weights"],
)
def test_a_model_folder_that_is_not_safe_or_whole(
    run: Callable[..., Ended], tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    make_model(tmp_path / "model")
    spoil(tmp_path / "model")
    ended = run(GOOD, "--set", "student={model: model}")
    assert ended.code == ExitCode.USAGE
    assert words in ended.err
    assert not (tmp_path / "runs" / "bozuk" / "1_tasks").exists()


def _with_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "x.Y"}}))


@pytest.mark.parametrize(("version", "words"), [(99, "newer imbik"), (0, "older than any")], ids=["newer", "older"])
def test_a_run_folder_of_another_version(run: Callable[..., Ended], tmp_path: Path, version: int, words: str) -> None:
    assert run(GOOD, "--until", "tasks").code == ExitCode.DONE
    (tmp_path / "runs" / "bozuk" / ".imbik").write_text(json.dumps({"format": version}))
    ended = run(GOOD)
    assert ended.code == ExitCode.FAILED
    assert words in ended.err


def test_a_second_writer_is_told_of_the_first(run: Callable[..., Ended], tmp_path: Path) -> None:
    with writer_lock(tmp_path / "runs" / "bozuk"):
        ended = run(GOOD)
    assert ended.code == ExitCode.LOCKED
    assert "is being written by process" in ended.err


def test_a_full_disk_stops_with_what_to_do_and_the_same_command_goes_on(
    run: Callable[..., Ended], tmp_path: Path
) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    rows = "text,label\n" + "".join(f"metin {i} burada ve uzun {'x' * 80},{'ab'[i % 2]}\n" for i in range(900))
    resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, limit[1]))
    try:
        (tmp_path / "rows.csv").write_bytes(b"")
        ended = run(rows, "--until", "refine")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert ended.code == ExitCode.FAILED
    assert "the same command again" in ended.err
    assert run(rows, "--until", "refine").code == ExitCode.DONE


def test_a_damaged_run_names_the_line(run: Callable[..., Ended], tmp_path: Path) -> None:
    assert run(GOOD, "--until", "generate").code == ExitCode.DONE
    part = tmp_path / "runs" / "bozuk" / "2_answers" / "part-00000.jsonl"
    lines = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join([lines[0], lines[1][:20] + b"\n", *lines[2:]]))
    ended = run(GOOD, "--until", "refine")
    assert ended.code == ExitCode.FAILED
    assert "part-00000.jsonl:2" in ended.err
    assert "--from" in ended.err
