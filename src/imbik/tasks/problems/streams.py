"""Plain text to pretrain a base student on: it meets the language, numbers and sums, never a solved problem.

A seed and a position enter, one short document leaves. Three kinds: sentences that state numbers and state them
again (reading, no sum), the pool's problem texts without their solutions, and bare lines of arithmetic.
Numbers of the withheld interval are never stated; in a line of sums they may arise as a result.
"""

from __future__ import annotations

import random

from imbik.tasks.problems.generator import WITHHELD, generate
from imbik.tasks.problems.model import PERCENT, RESULTS, Step
from imbik.tasks.problems.themes.numbers import PERCENTAGES, UNIT_SIZES
from imbik.tasks.problems.turkish import Number, capitalise_sentences
from imbik.tasks.problems.words import NAMES, THINGS

STATEMENTS = (
    ("owned", "{n:gen} {a} {t:poss}, {m:gen} {b} {u:poss} var. {u:pl} {b} tane, {t:pl} {a} tane."),
    ("owned", "{n} {a} {t}, {m} {b} {u} topladı. {m:gen} topladığı {u} {b}, {n:gen} topladığı {t} {a} tane."),
    ("sold", "Rafta {a} {t}, kutuda {b} {u}, sepette {c} {t} var. Kutuda {b}, sepette {c}, rafta {a} tane."),
    ("worn", "{t:gen} fiyatı {a} lira, {u:gen} fiyatı {b} lira. {u}: {b} lira. {t}: {a} lira."),
    ("owned", "{n} sabah {a} dakika, akşam {b} dakika yürüdü. Akşam {b}, sabah {a} dakika."),
    ("owned", "{n} {a} yaşında, {m} {b} yaşında. {m:gen} yaşı {b}, {n:gen} yaşı {a}."),
    ("bulk", "{n} {a} kilo {t} aldı, {b} kilo {u} sattı. Alınan {a} kilo, satılan {b} kilo."),
    (
        "owned",
        "Depoda {a} litre su vardı, {b} litre harcandı, {c} litre eklendi. Harcanan {b}, eklenen {c}, önceki {a}.",
    ),
    ("owned", "Kitap {a} sayfa, {n} {b} sayfa okudu. Okunan {b} sayfa, kitabın tamamı {a} sayfa."),
    ("owned", "Otobüste {a} yolcu vardı, {b} kişi indi, {c} kişi bindi. Binen {c}, inen {b}, önceki {a}."),
    ("owned", "{n} {k} gün boyunca günde {p} sayfa okudu. Gün sayısı {k}, günlük sayfa {p}."),
    ("sold", "{n} tanesi {p} liradan {k} {t} aldı. Alınan {k}, birinin fiyatı {p} lira."),
    ("grown", "{k} kasanın her birinde {p} {t} var. Kasa sayısı {k}, bir kasada {p} tane."),
    ("owned", "Yol {a} km. {n} saatte {v} km hızla {k} saat gitti. Hız {v}, süre {k}, yol {a}."),
    ("worn", "{a} liralık {t} %{r} indirimli, {u} {b} lira. İndirim %{r}, {u:gen} fiyatı {b}, {t:gen} fiyatı {a}."),
)


def stated(rng: random.Random, low: int, high: int) -> int:
    """A number that may be stated: not one of the withheld ones."""
    while (number := rng.randint(low, high)) in WITHHELD:
        pass
    return number


def sentences(rng: random.Random) -> str:
    """Sentences that state two to four numbers and state them again in another order."""
    n, m = rng.sample(NAMES, 2)
    group, statement = rng.choice(STATEMENTS)
    t, u = rng.sample(THINGS[group], 2)
    words: dict[str, object] = {"n": n, "m": m, "t": t, "u": u}
    numbers = {
        "a": stated(rng, 5, 199),
        "b": stated(rng, 5, 99),
        "c": stated(rng, 5, 99),
        "k": rng.randint(2, 9),
        "p": rng.choice(UNIT_SIZES),
        "v": rng.choice(range(20, 91, 10)),
        "r": rng.choice(PERCENTAGES),
    }
    filled = {name: Number(value) for name, value in numbers.items()}
    return capitalise_sentences(statement.format(**words, **filled))


def fresh_sum(rng: random.Random) -> Step:
    """An operation on stated numbers, of any of the five kinds that the problems use."""
    kind = rng.choice("++---xx/%")
    if kind == "x":
        return Step("", rng.randint(2, 9), "x", rng.choice((*UNIT_SIZES, 30, 40, 50, 60, 70, 80, 90, 100)))
    if kind == "/":
        size = rng.randint(2, 12)
        return Step("", size * rng.randint(2, 12), "/", size)
    if kind == PERCENT:
        return Step("", rng.choice(range(20, 201, 20)), PERCENT, rng.choice(PERCENTAGES))
    left = stated(rng, 2, 99) if rng.random() < 0.6 else stated(rng, 2, 235)
    return Step("", left, kind, stated(rng, 2, 99) if rng.random() < 0.8 else stated(rng, 2, 199))


def next_sum(rng: random.Random, before: int) -> Step:
    """An operation that goes on from the result `before`, on either side."""
    other = stated(rng, 2, 99) if rng.random() < 0.8 else stated(rng, 2, 235)
    kind = rng.choice("+-")
    return Step("", before, kind, other) if rng.random() < 0.5 else Step("", other, kind, before)


def arithmetic(rng: random.Random, length: int = 4) -> str:
    """A bare line of sums, some of which go on from the one before: ``47 + 38 = 85. 85 - 12 = 73.``"""
    steps: list[Step] = []
    while len(steps) < length:
        step = next_sum(rng, steps[-1].result) if steps and rng.random() < 0.5 else fresh_sum(rng)
        if step.exact and step.result in RESULTS and not {step.left, step.right} & set(WITHHELD):
            steps.append(step)
    return " ".join(f"{step.expression} = {step.result}." for step in steps)


def document(kind: str, index: int, seed: int = 0) -> str:
    """Document `index` of a stream: ``sentences``, ``problems`` (texts without solutions) or ``arithmetic``."""
    rng = random.Random(f"{seed}/{kind}/{index}")
    if kind == "sentences":
        return sentences(rng)
    if kind == "problems":
        return generate("pool", index, seed + 1_000_003).text
    if kind == "arithmetic":
        return arithmetic(rng)
    raise ValueError(f"unknown stream {kind!r}; known: sentences, problems, arithmetic")
