"""Why a student is not good enough, in the order in which the causes are worth trying.

Enters: the facts of a run. Leaves: one problem with its mends: data, learning rate and duration, base model,
tokenisation; or nothing where the result is good or was not measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from imbik.advise.facts import Facts
from imbik.advise.mends import Mend, Problem
from imbik.pipeline.rules import TINY, learning_rates, parameters

GOOD_RETENTION, GOOD_VALUE = 0.9, 0.6
FEW_ROWS = 1_000
LAST_FALL = 0.01  # a validation loss that fell by this much at the end was still falling
FEW_PASSES, MORE_PASSES = (1.0, 5.0), (3.0, 8.0)  # over the rows: of a pretrained model, of one made here or small
HARDLY_FELL = 0.7  # a training loss that ends above this share of where it began is still high
FEW_CHARACTERS = 1.8  # a token that carries fewer is a poor fit to the text


def poor_result(facts: Facts) -> Problem | None:
    """Too little of the teacher is kept, or too little is right; causes in the order in which to try them."""
    student = facts.score("student")
    if facts.scores is None or student is None:
        return None
    if good(facts):
        return None
    kept = facts.scores.retention.get(facts.metric)
    words = f"the student reaches {facts.metric} {student.value:.1%}"
    words += f", {kept.value:.0%} of its teacher" if kept else ""
    words += "; a plain TF-IDF classifier does better" if _beaten(facts) else ""
    other = [*_base_model(facts), *_tokenisation(facts)]
    if _too_short(facts):  # another model would be trained too shortly as well: its line says both
        other = [Mend(mend.why, f"{mend.line} {_longer(facts)}") for mend in other]
    return Problem("poor result", words, (*_data(facts), *_rate_and_duration(facts), *other))


def good(facts: Facts) -> bool:
    """Whether the result is measured and enough of the teacher is kept, or enough is right."""
    student = facts.score("student")
    if facts.scores is None or student is None:
        return False
    kept = facts.scores.retention.get(facts.metric)
    return kept.value >= GOOD_RETENTION if kept else student.value >= GOOD_VALUE and not _beaten(facts)


def _beaten(facts: Facts) -> bool:
    student, simple = facts.score("student"), facts.score("tfidf")
    return student is not None and simple is not None and simple.value > student.value


def _data(facts: Facts) -> Iterator[Mend]:
    """First: are there enough rows, are they right, is the teacher?"""
    generate, teacher = facts.recipe.generate, facts.score("teacher")
    asks = any(facts.recipe.teachers[name].use != "recorded" for name in facts.recipe.answering_teachers())
    if teacher is not None and teacher.value < GOOD_VALUE:
        yield Mend(
            f"data: the teacher itself is right in {teacher.value:.0%}; take a better one, or keep only what is right",
            "--set refine='[shape, answer, duplicates, leakage]'",
        )
    if asks and facts.rejected_share > 0.5:
        yield Mend(
            f"data: refine turned {facts.rejected_share:.0%} of the answers away; ask for more of each task",
            f"--set generate.samples={max(generate.samples.max * 2, 4)} --set generate.temperature=0.8",
        )
    elif 0 < facts.learned < FEW_ROWS and asks:
        yield Mend(
            f"data: {facts.learned:,} rows are few to learn from; more answers of each task help, more tasks help more",
            f"--set generate.samples={max(generate.samples.max * 2, 4)} --set generate.temperature=0.8",
        )
    elif 0 < facts.learned < FEW_ROWS:
        yield Mend(
            f"data: {facts.learned:,} rows are few to learn from; hold fewer back, and look for more",
            "--set tasks.split.test=0.05",
        )


def _rate_and_duration(facts: Facts) -> Iterator[Mend]:
    """Second: did it learn for long enough, and at a sensible rate?

    A duration that is far too short comes first; one that a rate out of range may explain comes after the rate.
    """
    train, learned = facts.recipe.train, facts.losses
    usual = learning_rates(train.method.use, facts.size)
    fell = len(learned) < 2 or learned[-1][1] < learned[0][1]
    duration = _duration(facts) if fell else None
    first = _far_too_short(facts) or usual.low <= train.learning_rate <= usual.high
    if duration and first:
        yield duration
    if not usual.low <= train.learning_rate <= usual.high:
        middle = (usual.low * usual.high) ** 0.5
        yield Mend(
            f"learning rate: {train.learning_rate:g} is outside {usual.low:g} to {usual.high:g}, usual for {usual.of}",
            f"--set train.learning_rate={middle:.1e}",
        )
    if not fell:
        yield Mend("learning rate: the loss did not fall", f"--set train.learning_rate={train.learning_rate / 3:.1e}")
    if duration and not first:
        yield duration


def _duration(facts: Facts) -> Mend | None:
    """Too few passes over the rows, a training loss that is still high, or one that was still falling."""
    passes, learned = _passes(facts), facts.losses
    if _too_short(facts):
        of = "a model made from nothing, or a small one," if _small(facts) else "a pretrained model"
        words = f"{passes:.2g} passes over the rows are few; {of} needs {MORE_PASSES[_small(facts)]:g} or more"
        return Mend(f"duration: {words}", _longer(facts))
    if len(learned) > 1 and learned[-1][1] > HARDLY_FELL * learned[0][1]:
        words = (
            f"duration: the training loss is still high ({learned[0][1]:.2f} at first, {learned[-1][1]:.2f} at last)"
        )
        return Mend(words, _longer(facts))
    curve = facts.validations if len(facts.validations) >= 3 else learned
    if len(curve) < 2:
        return None
    before, last = curve[-max(len(curve) // 5, 2)][1], curve[-1][1]
    falling = last <= before * (1 - LAST_FALL) and last == min(loss for _, loss in curve)
    return Mend("duration: the loss was still falling at the end", _longer(facts)) if falling else None


def _passes(facts: Facts) -> float:
    """How often each row was learned, as planned; 0 where it is not known."""
    training = facts.training
    return training.planned_steps * facts.recipe.train.batch_size / training.rows if training and training.rows else 0.0


def _small(facts: Facts) -> bool:
    """Made from a config, or pretrained with so few weights that it learns almost as slowly."""
    tiny = facts.size is not None and facts.size.parameters < TINY
    return bool(facts.recipe.student.architecture) or tiny


def _too_short(facts: Facts) -> bool:
    return 0 < _passes(facts) < FEW_PASSES[_small(facts)]


def _far_too_short(facts: Facts) -> bool:
    return 0 < _passes(facts) < FEW_PASSES[_small(facts)] / 2


def _longer(facts: Facts) -> str:
    """The line that makes training longer, in the key that is in force: enough passes, at least twice what was."""
    train, passes = facts.recipe.train, _passes(facts)
    times = max(2.0, MORE_PASSES[_small(facts)] / passes) if passes else 2.0
    if train.steps:
        return f"--set train.steps={math.ceil(train.steps * times)}"
    return f"--set train.epochs={train.epochs * times:.3g}"


def _base_model(facts: Facts) -> Iterator[Mend]:
    """Third: can a model of this kind and size do it?"""
    student = facts.recipe.student
    if student.architecture:
        count = f" of {parameters(facts.size.parameters)}" if facts.size else ""
        yield Mend(
            f"base model: a model{count} made from nothing knows no language yet; make it wider, or take a trained one",
            f"--set student.hidden_size={student.hidden_size * 2}",
        )
    elif facts.size is None or facts.size.parameters < 3_000_000_000:
        yield Mend("base model: try a larger one of the same family", "--set student.model=OWNER/LARGER-MODEL")
    if facts.recipe.train.method.use == "lora":
        yield Mend("base model: let all weights learn, not an adapter", "--set train.method=full")


def _tokenisation(facts: Facts) -> Iterator[Mend]:
    """Last: does the tokenizer fit the text?"""
    carried, student = facts.characters_a_token, facts.recipe.student
    if not 0 < carried < FEW_CHARACTERS:
        return
    words = f"tokenisation: a token carries {carried:.1f} characters only; one trained on your text carries more"
    if student.architecture and student.tokenizer in {"", "train"}:
        yield Mend(words, f"--set student.vocabulary={student.vocabulary * 2}")
    elif student.architecture:
        yield Mend(words, "--set student.tokenizer=train")
    else:
        yield Mend(f"{words}; take a base model made for your language", "--set student.model=OWNER/OTHER-MODEL")
