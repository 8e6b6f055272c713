"""A model in this process as teacher: lazy, typed outcomes, answers that depend on the question alone."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import ModelError
from imbik.core.plugins import PluginBlock, load_plugin, typed_settings
from imbik.core.questions import Question, Sampling
from imbik.core.types import Message, Outcome, Sensitivity
from imbik.models.load import fingerprint
from imbik.teachers import LocalTeacher, ServedTeacher, TeacherContext
from imbik.teachers.in_process import InProcessTeacher
from imbik.testing.tiny_models import make_model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds a model called `usta`."""
    folder = tmp_path_factory.mktemp("base")
    make_model(folder / "usta", sensitivity=Sensitivity.INTERNAL)
    return folder


def teacher(base: Path, **settings: Any) -> InProcessTeacher:
    block = PluginBlock(use="in_process", raw={"model": "usta", **settings})
    context = TeacherContext(name="usta", base=base, runs=base / "runs")
    made = load_plugin("teachers", "in_process")(typed_settings("teachers", block), context)
    assert isinstance(made, InProcessTeacher)
    return made


def question(text: str, **more: Any) -> Question:
    given = {"row": text, "sensitivity": Sensitivity.PUBLIC, "sampling": Sampling(max_tokens=6), **more}
    return Question(messages=(Message(role="user", content=text),), **given)


def test_it_is_a_local_teacher(base: Path) -> None:
    made = teacher(base)
    assert isinstance(made, LocalTeacher)
    assert not isinstance(made, ServedTeacher)
    assert (made.place, made.block_size, made.folder) == ("in_process", 512, base / "usta")
    assert made.sensitivity is Sensitivity.INTERNAL


def test_identity_loads_no_torch(base: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from imbik.teachers import TeacherContext;"
        "from imbik.teachers.in_process import InProcessTeacher as T;"
        f"b = Path({str(base)!r}); t = T(T.Settings(model='usta'), TeacherContext('t', b, b));"
        "t.identity; t.sensitivity; assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_identity_is_what_shapes_the_answer(base: Path) -> None:
    assert teacher(base).identity == fingerprint(base / "usta")
    assert teacher(base, dtype="bfloat16").identity != teacher(base).identity
    assert teacher(base, block_size=3, threads=1).identity == teacher(base).identity


def test_answers_depend_on_the_question_alone(base: Path) -> None:
    warm = Sampling(temperature=1.0, max_tokens=8, seed=3)
    asked = [question(text, sampling=warm, sample=number) for text in ("bir", "iki üç") for number in (0, 1)]
    together = teacher(base).answer(asked)
    alone = [teacher(base).answer([one])[0] for one in asked]
    assert [item.answer for item in together] == [item.answer for item in alone]
    assert together[0].answer != together[1].answer
    moved = question("bir", sampling=warm, row="another row")
    assert teacher(base).answer([moved])[0].answer == together[0].answer
    other = question("bir", sampling=Sampling(temperature=1.0, max_tokens=8, seed=4))
    assert teacher(base).answer([other])[0].answer != together[0].answer


def test_typed_outcomes(base: Path) -> None:
    made = teacher(base).answer([question("12 elma " * 200), question("bir"), question("a", choices=("evet", "hayır"))])
    assert [item.outcome for item in made] == [Outcome.FAILED, Outcome.TRUNCATED, Outcome.ANSWERED]
    assert made[2].answer in ("evet", "hayır")
    assert made[1].usage.output_tokens == 6
    assert made[1].cost == 0


def test_reasoning_in_tags_is_taken_apart(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imbik.core.types import Completion
    from imbik.models import answer

    said = ["<think>önce böl</think>5", "<think>hiç bitmeyen", "5"]
    monkeypatch.setattr(answer, "answer_prompts", lambda *args, **more: [Completion(answer=text) for text in said])
    made = teacher(base).answer([question(text) for text in said])
    assert [(item.reasoning, item.answer, item.outcome) for item in made] == [
        ("önce böl", "5", Outcome.ANSWERED),
        ("hiç bitmeyen", "", Outcome.TRUNCATED),
        ("", "5", Outcome.ANSWERED),
    ]


def test_workers_get_it_without_its_weights(base: Path) -> None:
    made = teacher(base)
    expected = made.answer([question("bir")])
    small = pickle.dumps(made)
    assert len(small) < 5_000
    assert pickle.loads(small).answer([question("bir")])[0].answer == expected[0].answer


def test_a_model_from_elsewhere_counts_as_public(tmp_path: Path) -> None:
    make_model(tmp_path / "usta")
    (tmp_path / "usta" / "imbik.json").unlink()
    assert teacher(tmp_path).sensitivity is Sensitivity.PUBLIC


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model 'usta'"):
        _ = teacher(tmp_path).identity
    make_model(tmp_path / "usta")
    config = tmp_path / "usta" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "auto_map": {}}))
    with pytest.raises(ModelError, match="code"):
        _ = teacher(tmp_path).identity
