"""The fused kernel for a card: from products of hidden states and heads to loss and gradient, one program a row.

Three walks over a row's vocabulary: the normalisers of both sides; the value and what the softmax's derivative needs
of it; the gradient, written where the student's products were. Nothing else is held, in any format: all arithmetic is
float32 in registers. Which formulas there are stands in `train.fused.DIVERGENCES`, in this order; each is that of the
loss of its name, and tests hold it to the loss's own.

Imports Triton, which comes with torch where there is a card.
"""

from __future__ import annotations

import triton
import triton.language as tl

_LEAST = tl.constexpr(-1.0e30)


@triton.jit
def _logits(products, scale, cap, capped: tl.constexpr):
    """Logits of products, and their derivative by them."""
    made = products * scale
    slope = scale + tl.zeros_like(made)
    if capped:
        squashed = 2.0 * tl.sigmoid(2.0 * made / cap) - 1.0
        made = cap * squashed
        slope = scale * (1.0 - squashed * squashed)
    return made, slope


@triton.jit
def _formula(student, target, parameter, kind: tl.constexpr):
    """Value and derivative by the student's log-probability, outcome by outcome, of two log-probabilities."""
    s, p = tl.exp(student), tl.exp(target)
    if kind == 1:  # forward_kl
        value, slope = tl.where(p > 0, p * (target - student), 0.0), -p
    elif kind == 2:  # reverse_kl
        gap = student - tl.maximum(target, -100.0)
        value, slope = s * gap, s * (gap + 1.0)
    elif kind == 3:  # jsd
        middle = tl.log(
            tl.maximum((1.0 - parameter) * s + parameter * p, 2e-38)
        )  # what is smaller is no float32 to Triton
        slope = (1.0 - parameter) * s * (student - middle)
        value = slope + parameter * tl.where(p > 0, p * (target - middle), 0.0)
    elif kind == 4:  # skew_kl
        middle = parameter * p + (1.0 - parameter) * s
        value = tl.where(p > 0, p * (target - tl.log(middle)), 0.0)
        slope = tl.where(p > 0, -(1.0 - parameter) * s * p / middle, 0.0)
    elif kind == 5:  # skew_reverse_kl
        middle = (1.0 - parameter) * p + parameter * s
        gap = tl.where(s > 0, student - tl.log(middle), 0.0)
        value, slope = s * gap, s * (gap + 1.0 - parameter * tl.where(s > 0, s / middle, 0.0))
    else:  # tvd
        gap = s - p
        value = tl.abs(gap) * 0.5
        slope = s * 0.5 * tl.where(gap > 0, 1.0, tl.where(gap < 0, -1.0, 0.0))
    return value, slope


@triton.jit
def _seen(highest, total, score, inside):
    """The running maximum and sum of exponentials, lane by lane."""
    larger = tl.maximum(highest, score)
    return larger, total * tl.exp(highest - larger) + tl.where(inside, tl.exp(score - larger), 0.0)


@triton.jit
def _normaliser(highest, total):
    """The logarithm of the sum over all lanes."""
    top = tl.max(highest, 0)
    return top + tl.log(tl.sum(total * tl.exp(highest - top), 0))


@triton.jit
def learn_rows(
    own, own_stride, theirs, their_stride, labels, counts, values,
    scale, cap, their_scale, their_cap, temperature, parameter, text_weight, teacher_weight,
    width: tl.constexpr, common: tl.constexpr, kind: tl.constexpr, text: tl.constexpr, counted: tl.constexpr,
    capped: tl.constexpr, theirs_capped: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """One row: its value into `values`, its gradient over its products `own`.

    `kind` is the divergence (0: none, `theirs` is not read), over the first `common` tokens; `text` adds the
    cross-entropy with `labels`, which is none where a label is below 0; `counted` multiplies both by `counts`.
    """
    row = tl.program_id(0).to(tl.int64)
    own += row * own_stride
    theirs += row * their_stride
    lanes = tl.arange(0, block)
    soften = 1.0 / temperature

    high, sums = tl.full((block,), _LEAST, tl.float32), tl.zeros((block,), tl.float32)
    soft_high, soft_sums = tl.full((block,), _LEAST, tl.float32), tl.zeros((block,), tl.float32)
    their_high, their_sums = tl.full((block,), _LEAST, tl.float32), tl.zeros((block,), tl.float32)
    for start in range(0, width, block):
        at = start + lanes
        z, _ = _logits(tl.load(own + at, mask=at < width, other=0.0).to(tl.float32), scale, cap, capped)
        if text:
            high, sums = _seen(high, sums, tl.where(at < width, z, _LEAST), at < width)
        if kind > 0:
            shared = at < common
            y, _ = _logits(
                tl.load(theirs + at, mask=shared, other=0.0).to(tl.float32), their_scale, their_cap, theirs_capped
            )
            soft_high, soft_sums = _seen(soft_high, soft_sums, tl.where(shared, z * soften, _LEAST), shared)
            their_high, their_sums = _seen(their_high, their_sums, tl.where(shared, y * soften, _LEAST), shared)

    total = 0.0
    text_norm, spoken = 0.0, 0.0
    label = -1
    if text:
        label = tl.load(labels + row)
        text_norm = _normaliser(high, sums)
        spoken = tl.where(label >= 0, text_weight, 0.0)
        said, _bend = _logits(tl.load(own + tl.maximum(label, 0)).to(tl.float32), scale, cap, capped)
        total += spoken * (text_norm - said)

    norm, their_norm, slope_sum = 0.0, 0.0, 0.0
    if kind > 0:
        norm, their_norm = _normaliser(soft_high, soft_sums), _normaliser(their_high, their_sums)
        all_values, slopes = tl.zeros((block,), tl.float32), tl.zeros((block,), tl.float32)
        for start in range(0, common, block):
            at = start + lanes
            shared = at < common
            z, _ = _logits(tl.load(own + at, mask=shared, other=0.0).to(tl.float32), scale, cap, capped)
            y, _ = _logits(
                tl.load(theirs + at, mask=shared, other=0.0).to(tl.float32), their_scale, their_cap, theirs_capped
            )
            value, slope = _formula(z * soften - norm, y * soften - their_norm, parameter, kind)
            all_values += tl.where(shared, value, 0.0)
            slopes += tl.where(shared, slope, 0.0)
        total += teacher_weight * temperature * temperature * tl.sum(all_values, 0)
        slope_sum = tl.sum(slopes, 0)

    count = 1.0
    if counted:
        count = tl.load(counts + row).to(tl.float32)
    tl.store(values + row, total * count)

    for start in range(0, width, block):
        at = start + lanes
        z, bend = _logits(tl.load(own + at, mask=at < width, other=0.0).to(tl.float32), scale, cap, capped)
        gradient = tl.zeros((block,), tl.float32)
        if text:
            gradient += spoken * (tl.exp(z - text_norm) - tl.where(at == label, 1.0, 0.0))
        if kind > 0:
            shared = at < common
            y, _ = _logits(
                tl.load(theirs + at, mask=shared, other=0.0).to(tl.float32), their_scale, their_cap, theirs_capped
            )
            student = z * soften - norm
            _, slope = _formula(student, y * soften - their_norm, parameter, kind)
            slope -= tl.exp(student) * slope_sum
            gradient += tl.where(shared, teacher_weight * temperature * slope, 0.0)
        tl.store(own + at, (gradient * bend * count).to(own.dtype.element_ty), mask=at < width)
