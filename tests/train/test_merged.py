"""Cross-tokenizer losses: their definition in float64 with autograd, TRL's numbers, and what is known of a teacher."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from imbik.core.errors import RecipeError
from imbik.core.plugins import PluginBlock, make
from imbik.models.head import OutputHead
from imbik.train.losses import Dense, Sampled, Shared, Signals, Spans, TopK

V, W = 30, 24  # vocabularies of student and teacher
MINE = [[0], [1, 2], [3], [4, 5, 6], [7]]
THEIRS = [[0, 1], [2], [3], [4, 5], [6]]
PAIRS = [(0, 5), (3, 1), (7, 7), (12, 0), (20, 23), (29, 9)]
SETTINGS: dict[str, dict[str, Any]] = {
    "uld": {},
    "hybrid": {"beta": 0.3},
    "hybrid weighed": {"matched": 2.0, "unmatched": 0.5},
}
every = pytest.mark.parametrize("name", sorted(SETTINGS))


def loss_of(name: str, **extra: Any) -> Any:
    return make("train/losses", PluginBlock(use=name.split()[0], raw=SETTINGS[name] | extra))


def flat(groups: list[list[int]]) -> tuple[Tensor, Tensor, Tensor]:
    last = torch.tensor([group[-1] for group in groups])
    inner = [(place, number) for number, group in enumerate(groups) for place in group[:-1]]
    return last, torch.tensor([i for i, _ in inner]), torch.tensor([g for _, g in inner])


def given(kind: torch.dtype = torch.float64) -> Signals:
    draw = torch.Generator().manual_seed(1)
    hidden, weight, theirs, matrix = (
        torch.randn(shape, generator=draw, dtype=kind) for shape in ((8, 5), (V, 5), (7, 4), (W, 4))
    )
    labels = torch.randint(0, V, (8,), generator=draw)
    spans = Spans(labels, *flat(MINE), torch.randint(0, W, (7,), generator=draw), *flat(THEIRS))
    shared = Shared(torch.tensor([one for one, _ in PAIRS]), torch.tensor([other for _, other in PAIRS]), W)
    return Signals(
        hidden.requires_grad_(), OutputHead(weight.requires_grad_()), labels, torch.tensor(8.0, dtype=kind),
        Dense(theirs, OutputHead(matrix)), None, spans=spans, shared=shared,
    )  # fmt: skip


def merged(probabilities: Tensor, tokens: Tensor, groups: list[list[int]]) -> Tensor:
    """The definition: the last token's distribution times the probabilities of the tokens before it."""
    rows = []
    for group in groups:
        product = torch.ones((), dtype=probabilities.dtype)
        for place in group[:-1]:
            product = product * probabilities[place, tokens[place]]
        rows.append(probabilities[group[-1]] * product)
    return torch.stack(rows)


def distance(name: str, s: Tensor, t: Tensor) -> Tensor:
    """Values (G,) by the papers' formulas."""
    settings = SETTINGS[name]

    def ranked(one: Tensor, other: Tensor) -> Tensor:
        size = max(one.shape[1], other.shape[1])
        filled = [torch.nn.functional.pad(x, (0, size - x.shape[1])) for x in (one, other)]
        mine, theirs = (x.sort(-1, descending=True).values for x in filled)
        return (mine - theirs).abs().sum(-1)

    if name == "uld":
        return ranked(s, t)
    own, other = [one for one, _ in PAIRS], [two for _, two in PAIRS]
    beta, share = settings.get("beta", 0.5), len(PAIRS) / W
    sm, tm = s[:, own], t[:, other]
    middle = beta * tm + (1 - beta) * sm
    exact = (beta * tm * (tm / middle).log() + (1 - beta) * sm * (sm / middle).log()).sum(-1)
    rest = ranked(s[:, [v for v in range(V) if v not in own]], t[:, [v for v in range(W) if v not in other]])
    return settings.get("matched", share) * exact + settings.get("unmatched", 1 - share) * rest


@every
@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("weighed", [False, True])
def test_value_and_gradients_are_the_definition(name: str, temperature: float, weighed: bool) -> None:
    signals = given()
    if weighed:
        signals = replace(signals, weights=torch.arange(8, dtype=torch.float64) / 4)
    assert isinstance(signals.teacher, Dense)
    assert signals.spans is not None
    s = (signals.hidden @ signals.head.weight.t() / temperature).softmax(-1)
    t = (signals.teacher.hidden @ signals.teacher.head.weight.t() / temperature).softmax(-1)
    values = distance(name, merged(s, signals.labels, MINE), merged(t, signals.spans.theirs, THEIRS))
    counts = torch.ones(5) if signals.weights is None else signals.weights[signals.spans.last]
    wanted = (values * counts).sum() * temperature**2 / 8
    found = loss_of(name, temperature=temperature).value(signals)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-6, atol=1e-9)
    leaves = [signals.hidden, signals.head.weight]
    for one, other in zip(torch.autograd.grad(found, leaves), torch.autograd.grad(wanted, leaves), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-8)


@every
def test_nothing_is_lost_where_one_tokenizer_says_the_same(name: str) -> None:
    draw = torch.Generator().manual_seed(2)
    hidden, weight = torch.randn(6, 5, generator=draw).requires_grad_(), torch.randn(V, 5, generator=draw)
    labels, tokens = torch.randint(0, V, (6,), generator=draw), torch.tensor(6.0)
    best = torch.log_softmax(hidden.detach() @ weight.t(), -1).topk(4, -1)
    for teacher in (Dense(hidden.detach(), OutputHead(weight)), TopK(best.indices, best.values)):
        value = loss_of(name).value(Signals(hidden, OutputHead(weight), labels, tokens, teacher))
        assert abs(float(value.detach())) < 1e-6


@every
def test_all_tokens_captured_are_the_whole_distribution(name: str) -> None:
    signals = given()
    assert isinstance(signals.teacher, Dense)
    logs = torch.log_softmax(signals.teacher.hidden @ signals.teacher.head.weight.t(), -1)
    best = logs.sort(-1, descending=True)
    told = replace(signals, teacher=TopK(best.indices, best.values))
    one, other = loss_of(name).value(signals), loss_of(name).value(told)
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)
    leaves = [signals.hidden, signals.head.weight]
    for mine, wanted in zip(torch.autograd.grad(other, leaves), torch.autograd.grad(one, leaves), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-7)


@every
def test_few_captured_tokens_give_no_more_than_the_whole_and_a_true_gradient(name: str) -> None:
    signals = given()
    assert isinstance(signals.teacher, Dense)
    logs = torch.log_softmax(signals.teacher.hidden @ signals.teacher.head.weight.t(), -1)
    best = logs.topk(6, -1)
    assert signals.spans is not None
    inner = signals.spans.theirs_inner
    ids, values = best.indices.clone(), best.values
    tokens = signals.spans.theirs.clone()
    tokens[inner] = ids[inner, 1]  # the text's tokens are among those known
    spans = replace(signals.spans, theirs=tokens)
    told = replace(signals, teacher=TopK(ids, values), spans=spans)
    whole = loss_of(name).value(replace(signals, spans=spans))
    part = loss_of(name).value(told)
    if name == "uld":
        assert float(part.detach()) < float(whole.detach())
    (slope,) = torch.autograd.grad(part, signals.hidden)
    direction = torch.randn(8, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    step = 1e-4
    moved = [loss_of(name).value(replace(told, hidden=(signals.hidden + sign * step * direction))) for sign in (1, -1)]
    assert float((slope * direction).sum()) == pytest.approx(
        float((moved[0] - moved[1]).detach()) / (2 * step), rel=2e-2
    )


@every
def test_groups_whose_teacher_is_not_known_teach_nothing(name: str) -> None:
    signals = given()
    assert signals.spans is not None
    ids = torch.arange(3).expand(7, 3)
    logs = torch.log_softmax(torch.randn(7, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64), -1)
    logs = logs.sort(-1, descending=True).values
    logs[3] = float("-inf")  # what the teacher did not read: group 2
    spans = replace(signals.spans, theirs=torch.full((7,), W - 1))  # tokens of the text that are not among the three
    value = loss_of(name).value(replace(signals, teacher=TopK(ids, logs), spans=spans))
    (slope,) = torch.autograd.grad(value, signals.hidden)
    spoken = {1, 2, 7}  # groups 1 and 4 have one token of the teacher's each, and it is known
    assert {row for row in range(8) if slope[row].any()} == spoken
    assert bool(slope.isfinite().all())


def test_a_micro_batch_without_groups_is_nothing() -> None:
    signals = given()
    none = torch.zeros(0, dtype=torch.long)
    value = loss_of("uld").value(replace(signals, spans=Spans(*[none] * 8)))
    value.backward()
    assert float(value.detach()) == 0
    assert signals.hidden.grad is not None
    assert not signals.hidden.grad.any()


def test_a_sampled_teacher_is_refused() -> None:
    told = Sampled(torch.zeros(7, 2, dtype=torch.long), torch.ones(7, 2))
    with pytest.raises(RecipeError, match="sampled"):
        loss_of("uld").value(replace(given(), teacher=told))


def gold() -> Callable[..., Any]:
    """TRL's loss for a pair of tokenizers that share PAIRS."""
    with warnings.catch_warnings(action="ignore"):
        from trl.experimental.gold.gold_trainer import ULDLoss

    def build(hybrid: bool) -> Any:
        config = SimpleNamespace(
            uld_crossentropy_weight=0.0, uld_distillation_weight=1.0, uld_student_temperature=1.0,
            uld_teacher_temperature=1.0, uld_skip_student_eos=False, uld_skip_teacher_eos=False, use_extended_uld=True,
            uld_token_merge_strategy="bayesian", uld_use_hybrid_loss=hybrid, uld_hybrid_matched_weight=None,
            uld_hybrid_unmatched_weight=None, beta=0.5,
        )  # fmt: skip

        class Words:
            def __init__(self, names: dict[int, str], size: int) -> None:
                self.names, self.size = names, size

            def get_vocab(self) -> dict[str, int]:
                return {self.names.get(number, f"{self.size}-{number}"): number for number in range(self.size)}

        mine, theirs = (Words({pair[side]: f"s{at}" for at, pair in enumerate(PAIRS)}, (V, W)[side]) for side in (0, 1))
        return ULDLoss(config, mine, theirs)

    return build


@pytest.mark.parametrize("name", ["uld", "hybrid"])
def test_the_numbers_are_those_of_gold(name: str) -> None:
    """Where the definitions coincide: its `bayesian` merging; a mean over groups, so one row and as many tokens."""
    signals = given()
    assert isinstance(signals.teacher, Dense)
    assert signals.spans is not None
    zeros = (torch.zeros(1, 1, V, dtype=torch.float64), torch.zeros(1, 1, W, dtype=torch.float64))
    logits = signals.hidden @ signals.head.weight.t(), signals.teacher.hidden @ signals.teacher.head.weight.t()
    rows = [torch.cat([own[None], end], 1) for own, end in zip(logits, zeros, strict=True)]
    ids = [torch.cat([torch.zeros(1, dtype=torch.long), own])[None] for own in (signals.labels, signals.spans.theirs)]
    labels = [own.clone() for own in ids]
    for own in labels:
        own[0, 0] = -100
    ends = [torch.zeros(1, own.shape[1], 2, dtype=torch.long) for own in ids]
    for side, groups in zip(ends, (MINE, THEIRS), strict=True):
        for number, group in enumerate(groups):
            for at, place in enumerate(group):
                side[0, place + 1, 1] = 10 * (number + 1) - (len(group) - 1 - at) * (1 if side is ends[0] else 5)
    wanted = gold()(name == "hybrid")(rows[0], rows[1], labels[0], labels[1], ids[0], ids[1], ends[0], ends[1])
    settings = {"beta": 0.5} if name == "hybrid" else {}
    value = make("train/losses", PluginBlock(use=name, raw=settings)).value(replace(signals, tokens=torch.tensor(5.0)))
    assert float(value.detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)
    found = torch.autograd.grad(value, signals.hidden)[0]
    torch.testing.assert_close(found, torch.autograd.grad(wanted, signals.hidden)[0], rtol=1e-3, atol=1e-6)


@every
@pytest.mark.parametrize("form", ["beside", "captured"])
def test_autocast_gives_the_same_to_its_own_rounding(name: str, form: str) -> None:
    signals = given(torch.float32)
    assert isinstance(signals.teacher, Dense)
    if form == "captured":
        logs = torch.log_softmax(signals.teacher.hidden @ signals.teacher.head.weight.t(), -1).sort(-1, descending=True)
        signals = replace(signals, teacher=TopK(logs.indices, logs.values))
    exact = loss_of(name).value(signals)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = loss_of(name).value(signals)
    assert coarse.dtype == torch.float32
    assert float(coarse.detach()) == pytest.approx(float(exact.detach()), rel=3e-2)
    wanted, found = (torch.autograd.grad(value, signals.hidden)[0] for value in (exact, coarse))
    assert float((found - wanted).norm()) < 0.1 * float(wanted.norm())
    narrow = replace(
        signals,
        hidden=signals.hidden.detach().bfloat16().requires_grad_(),
        head=OutputHead(signals.head.weight.detach().bfloat16().requires_grad_()),
    )
    loss_of(name).value(narrow).backward()
    assert narrow.hidden.grad is not None
    assert narrow.hidden.grad.dtype == torch.bfloat16
