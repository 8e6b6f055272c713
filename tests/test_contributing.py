"""The examples of CONTRIBUTING.md are plug-ins that work."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from imbik.core.plugins import GROUPS, PluginSettings
from imbik.core.questions import Question
from imbik.core.types import Completion, Message, Outcome, Sample, Sensitivity, Task
from imbik.refine.checks import CheckContext
from imbik.teachers import ServedTeacher, TeacherContext, WireResponse
from imbik.testing.tiny_models import make_model

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"```python\n# src/imbik/(?P<group>[\w/]+)/(?P<name>\w+)\.py\n(?P<code>.*?)```", re.DOTALL)
FOUND = {match["name"]: match for match in BLOCK.finditer((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))}


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Any]:
    """Loads an example's one class."""
    loaded = []

    def load_one(name: str) -> Any:
        path = tmp_path / f"{name}.py"
        path.write_text(FOUND[name]["code"], encoding="utf-8")
        spec = importlib.util.spec_from_file_location(f"example_{name}", path)
        assert spec is not None
        assert spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        sys.modules[module.__name__] = module
        loaded.append(module.__name__)
        spec.loader.exec_module(module)
        (found,) = [c for c in vars(module).values() if isinstance(c, type) and hasattr(c, "Settings")]
        return found

    yield load_one
    for name in loaded:
        sys.modules.pop(name, None)


TASK = Task(id="1", kind="qa", messages=(Message(role="user", content="Kar soğuk mudur?"),))


def test_there_is_an_example_for_each_of_five_kinds_of_plugin() -> None:
    groups = {match["group"] for match in FOUND.values()}
    assert groups == {"refine/checks", "train/losses", "tasks/kinds", "teachers", "export/formats"}
    assert groups <= set(GROUPS)


@pytest.mark.parametrize("name", FOUND)
def test_an_example_keeps_the_contract_of_every_plugin(load: Any, name: str) -> None:
    found = load(name)
    assert issubclass(found.Settings, PluginSettings)
    assert all(field.description for field in found.Settings.model_fields.values())
    assert found.__doc__
    assert isinstance(getattr(found, "version", 1), int)


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("verb", [["check"], ["format", "--check"]], ids=["check", "format"])
def test_an_example_is_as_clean_as_the_house(name: str, verb: list[str]) -> None:
    place = f"src/imbik/{FOUND[name]['group']}/{name}.py"
    command = [sys.executable, "-m", "ruff", *verb, "--no-cache", "--stdin-filename", place, "-"]
    done = subprocess.run(command, cwd=ROOT, input=FOUND[name]["code"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_check(load: Any) -> None:
    found = load("no_question")
    check = found(found.Settings(most=1))
    asked = Sample(task=TASK, teacher="t", number=0, completion=Completion(), answer="Ne? Nasıl?")
    verdict = check.judge(asked, CheckContext(kind=None))  # type: ignore[arg-type]
    assert not verdict.keep
    assert "2 question marks" in verdict.reason


def test_the_loss_has_the_gradient_of_its_value(load: Any) -> None:
    import torch

    found = load("label_smoothing")
    loss = found(found.Settings(smoothing=0.2))
    logits = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 3, 6, 1, 1])
    term = loss.of_logits(logits, labels, None)
    expected = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.2, reduction="none")
    torch.testing.assert_close(term.values, expected)
    (gradient,) = torch.autograd.grad(expected.sum(), logits)
    torch.testing.assert_close(term.gradient, gradient)


def test_the_kind_reads_what_it_writes(load: Any) -> None:
    found = load("yes_no")
    kind = found(found.Settings())
    for reasoning in ("", "Kar buzdur."):
        text = kind.render(reasoning, "evet", TASK)
        assert kind.read(Completion(answer=text), TASK) == (reasoning, "evet")
    assert kind.canonical("EVET.", TASK) == "evet"
    assert kind.reference({"answer": "Hayır"}).text == "hayır"
    assert kind.question(TASK, reasoning=False, instruction=None)[0].content.endswith("yanıtla.")


def test_the_teacher_speaks_and_never_raises(load: Any) -> None:
    found = load("plain_text")
    teacher = found(found.Settings(url="http://127.0.0.1:1/ask"), TeacherContext("t", Path(), Path()))
    assert isinstance(teacher, ServedTeacher)
    asked = teacher.request(Question(messages=TASK.messages, row="1", sensitivity=Sensitivity.PUBLIC))
    assert asked.body.decode() == "Kar soğuk mudur?"
    assert teacher.read(WireResponse(200, {}, b"evet")).answer == "evet"
    assert teacher.read(WireResponse(200, {}, b"\xff \n")).outcome is Outcome.ANSWERED
    assert teacher.read(WireResponse(503, {}, b"")).outcome is Outcome.FAILED


def test_the_format_gives_the_students_logits(load: Any, tmp_path: Path) -> None:
    import torch

    example = load("half")
    found = example(example.Settings())
    model = make_model(tmp_path / "m")
    ids = [3, 5, 8, 13]
    with torch.inference_mode():
        own = model.network(torch.tensor([ids])).logits[0].numpy()
    found.write(model, tmp_path / "half", {})
    (given,) = found.logits(tmp_path / "half", [ids])
    assert abs(given - own).max() <= found.tolerance * abs(own).max()
