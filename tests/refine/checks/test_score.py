"""Score: what the model's own logits say by hand, whatever the batch; a threshold is kept, a wrong model named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import ModelError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Sample
from imbik.models.scorer import Scorer
from imbik.refine.checks import CheckContext
from imbik.testing.tiny_models import make_model
from scorekit import classifier
from stagekit import make_sample, make_task

KIND = make("tasks/kinds", PluginBlock(use="math"))
SAMPLES = [
    make_sample(
        make_task(str(number), "Ayşe'nin 12 elması vardı. " * (1 + number % 3)), reasoning="12 - 5 = 7 " * number
    )
    for number in range(20)
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("scorers")
    make_model(base / "lm")
    classifier(base / "reward", ["reward"], base / "lm")
    classifier(base / "labels", ["kötü", "orta", "iyi"], base / "lm")
    return base


def by_hand(folder: Path, sample: Sample) -> list[float]:
    """Logits of one row: the last token's hidden state times the head."""
    import torch
    from transformers import AutoModelForSequenceClassification

    ids = Scorer(folder, "iyi" if folder.name == "labels" else "").encode(
        sample.task, KIND.render(sample.reasoning, sample.answer, sample.task)
    )
    network: Any = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.inference_mode():
        hidden = network.model(input_ids=torch.tensor([ids])).last_hidden_state[0, -1]
        return [float(value) for value in network.score.weight @ hidden]


def check(**raw: object) -> Any:
    return make("refine/checks", PluginBlock(use="score", raw=raw))


def test_a_reward_is_the_heads_own_number_and_the_threshold_is_kept(folders: Path) -> None:
    context = CheckContext(kind=KIND, base=folders)
    wanted = [round(by_hand(folders / "reward", sample)[0], 3) for sample in SAMPLES[:4]]
    verdicts = check(model="reward", min=sorted(wanted)[1] + 0.0005).judge_many(SAMPLES[:4], context)
    assert [verdict.score for verdict in verdicts] == pytest.approx(wanted, abs=2e-3)
    assert [verdict.keep for verdict in verdicts] == [value > sorted(wanted)[1] for value in wanted]
    low = next(verdict for verdict in verdicts if not verdict.keep)
    assert low.reason.startswith(f"the score model gives {low.score:g}, below ")


def test_the_probability_of_the_named_label_is_a_softmax(folders: Path) -> None:
    import math

    logits = by_hand(folders / "labels", SAMPLES[2])
    share = math.exp(logits[2]) / sum(map(math.exp, logits))
    verdict = check(model="labels", label="iyi", min=0.99).judge(SAMPLES[2], CheckContext(kind=KIND, base=folders))
    assert verdict.score == pytest.approx(share, abs=1e-3)
    assert verdict.reason == f"'iyi' has the probability {verdict.score:g}, below 0.99"


def test_batches_change_no_score(folders: Path) -> None:
    context, score = CheckContext(kind=KIND, base=folders), check(model="reward", min=0)
    together = [verdict.score for verdict in score.judge_many(SAMPLES, context)]
    alone = [score.judge(sample, context).score for sample in SAMPLES]
    assert together == pytest.approx(alone, abs=1e-4)
    assert len(set(together)) > 10


def test_what_the_model_cannot_read_is_rejected_with_the_length(folders: Path) -> None:
    long = make_sample(make_task("a", "elma " * 900))
    verdict = check(model="reward", min=-99).judge(long, CheckContext(kind=KIND, base=folders))
    assert not verdict.keep
    assert "longer than the 512 tokens" in verdict.reason


def test_only_the_answer_is_scored_where_that_is_asked(folders: Path) -> None:
    context = CheckContext(kind=KIND, base=folders)
    task = make_task("a")
    first, second = make_sample(task, reasoning="12 - 5 = 7"), make_sample(task, reasoning="7 + 0 = 7")
    whole, answer = check(model="reward", min=0), check(model="reward", min=0, reads="answer")
    assert whole.judge(first, context).score != whole.judge(second, context).score
    assert answer.judge(first, context).score == answer.judge(second, context).score


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"model": "nowhere"}, "no such model folder"),
        ({"model": "lm"}, "scores nothing: it is LlamaForCausalLM"),
        ({"model": "labels", "label": "harika"}, "no label 'harika'.*kötü, orta, iyi"),
        ({"model": "labels"}, "several labels, and none is named"),
        ({"model": "reward", "label": "iyi"}, "reward model with one number"),
    ],
)
def test_what_cannot_score_is_refused_before_a_run(folders: Path, raw: dict[str, str], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        check(min=0, **raw).verify(folders)


def test_a_model_without_the_weights_of_its_head_is_refused(folders: Path, tmp_path: Path) -> None:
    model = make_model(tmp_path / "bare")
    assert model.folder is not None
    config = json.loads((model.folder / "config.json").read_text(encoding="utf-8"))
    config |= {"architectures": ["LlamaForSequenceClassification"], "id2label": {"0": "reward"}}
    (model.folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match="would be random"):
        Scorer(model.folder)
