"""What is wrong with a run, in words, and the `--set` line that mends it.

Enters: a run folder. Leaves: problems of four kinds: overfitting, memory, slow training, poor result. Each is a pure
function of the facts, so that each is tested on a planted case.
"""

from __future__ import annotations

from collections.abc import Iterator

from imbik.advise.facts import Facts, gather, tokens_of
from imbik.advise.mends import Mend, Problem
from imbik.advise.poor_result import good, poor_result
from imbik.core.plugins import available, typed_settings
from imbik.core.runfolder import RunFolder
from imbik.pipeline.preflight import size as in_bytes

OVERFIT = 1.03  # final validation loss over the lowest
FULL = 0.8  # share of the memory that may be needed
PADDED = 0.3  # share of padding that is worth a word
PAST_BEST = 1.3  # where the last step's weights are kept for accuracy, a loss that has only turned is no trouble


def diagnose(run: RunFolder) -> list[Problem]:
    """Everything that is wrong with a run."""
    facts = gather(run)
    found = (overfitting(facts), memory(facts), slow_training(facts), poor_result(facts))
    return [problem for problem in found if problem is not None]


def overfitting(facts: Facts) -> Problem | None:
    """Validation loss rose again while training loss went on falling."""
    losses, learned = facts.validations, facts.losses
    if len(losses) < 3:
        return None
    best_step, best = min(losses, key=lambda item: item[1])
    last_step, last = losses[-1]
    if last < best * OVERFIT or best_step == last_step or learned[-1][1] > learned[0][1]:
        return None
    if facts.recipe.train.keep == "last" and (last < best * PAST_BEST or good(facts)):
        return None
    words = (
        f"validation loss was lowest ({best:.3f}) at step {best_step:,} and rose to {last:.3f} by step {last_step:,}: "
        "the student learns the rows by heart"
    )
    return Problem("overfitting", words, tuple(_against_overfitting(facts, best_step, last_step)))


def _against_overfitting(facts: Facts, best_step: int, last_step: int) -> Iterator[Mend]:
    train = facts.recipe.train
    if train.keep == "last":
        yield Mend("keep the weights of the lowest validation loss, not the last ones", "--set train.keep=best")
    if train.early_stopping is None:
        yield Mend("stop when validation loss no longer falls", "--set train.early_stopping.patience=3")
    if train.method.use == "lora":
        settings = typed_settings("train/methods", train.method).model_dump()
        rank, alpha = settings["r"], settings["alpha"] or 2 * settings["r"]
        yield Mend("a smaller rank holds less by heart", f"--set train.method.r={max(rank // 2, 2)}")
        yield Mend("a smaller alpha changes the base less", f"--set train.method.alpha={max(alpha // 2, 1)}")
    if train.dropout < 0.1:
        yield Mend("dropout makes single rows harder to memorise", "--set train.dropout=0.1")
    if train.weight_decay < 0.1:
        yield Mend("weight decay keeps weights small", "--set train.weight_decay=0.1")
    if train.steps:
        yield Mend("fewer steps", f"--set train.steps={best_step}")
    else:
        yield Mend(
            "fewer passes over the rows", f"--set train.epochs={max(train.epochs * best_step / last_step, 0.5):.2g}"
        )


def memory(facts: Facts) -> Problem | None:
    """Training needs most of the memory there is, or stopped where it may have needed more."""
    near = facts.needed > FULL * facts.memory
    killed = facts.train_unfinished and facts.needed > 0.5 * facts.memory
    if not near and not killed:
        return None
    words = f"training needs about {in_bytes(facts.needed)} and this machine has {in_bytes(facts.memory)}"
    if killed:
        words += "; training has begun and not ended, perhaps because the system stopped it"
    return Problem("memory", words, tuple(_against_memory(facts)))


def _against_memory(facts: Facts) -> Iterator[Mend]:
    train = facts.recipe.train
    micro = train.micro_batch or min(train.batch_size, 32)
    if micro > 1:
        why = f"fewer rows at a time; the step keeps its {train.batch_size} rows by accumulating gradients"
        yield Mend(why, f"--set train.micro_batch={max(micro // 4, 1)}")
    if not train.gradient_checkpointing:
        yield Mend("recompute activations: less memory, a third more time", "--set train.gradient_checkpointing=true")
    if train.method.use == "full":
        yield Mend("train a small adapter: no optimiser state for the base", "--set train.method=lora")
    if "qlora" in available("train/methods"):
        yield Mend("keep the base in 4 bits", "--set train.method=qlora")
    elif train.precision != "bf16":
        yield Mend(
            "no method with a quantised base is installed; half precision halves it", "--set train.precision=bf16"
        )


def slow_training(facts: Facts) -> Problem | None:
    """Time goes into padding, a slow number format, a few very long rows, or recomputing."""
    mends = tuple(_against_slowness(facts))
    if not mends or facts.training is None:
        return None
    took = f"{facts.training.seconds:,.0f} s, {facts.training.tokens_per_second:,.0f} tokens a second"
    return Problem("slow training", f"training took {took}, and part of it was not needed", mends)


def _against_slowness(facts: Facts) -> Iterator[Mend]:
    train, lengths, training = facts.recipe.train, facts.lengths, facts.training
    if training is None:
        return
    if not train.packing and training.padding > PADDED:
        yield Mend(f"{training.padding:.0%} of each batch is padding; pack rows together", "--set train.packing=true")
    if train.precision in {"fp32", "fp16"} and training.parameters > 1_000_000:
        yield Mend(f"{train.precision} is fixed; auto measures what is fastest here", "--set train.precision=auto")
    if lengths.longest > 4 * lengths.most > 0:
        longest = round(tokens_of(lengths.most, facts))
        yield Mend("a few rows are far longer than the rest; leave them out", f"--set train.max_length={longest}")
    if train.gradient_checkpointing and facts.needed < 0.3 * facts.memory:
        yield Mend("there is memory enough to keep activations", "--set train.gradient_checkpointing=false")
