"""Comparison: more than, fewer than, times as many."""

from __future__ import annotations

import random

from imbik.tasks.problems.model import Facts, Family, Plot, Step, facts


def more(rng: random.Random) -> Facts:
    a, b = rng.randint(12, 80), rng.randint(3, 39)
    return facts(Step("Fazla", a, "+", b), Step("Toplam", a, "+", a + b), a=a, b=b)


def fewer(rng: random.Random) -> Facts:
    a = rng.randint(15, 95)
    b = rng.randint(3, min(a - 3, 60))
    return facts(Step("Eksik", a, "-", b), Step("Toplam", a, "+", a - b), a=a, b=b)


def three(rng: random.Random) -> Facts:
    a, b, c = rng.randint(12, 80), rng.randint(3, 60), rng.randint(3, 60)
    return facts(Step("Fazla", a, "+", b), Step("Eksik", a + b, "-", c), a=a, b=b, c=c)


def times(rng: random.Random) -> Facts:
    a, k, c = rng.randint(3, 12), rng.randint(2, 9), rng.randint(11, 70)
    return facts(Step("Kat", k, "x", a), Step("Toplam", k * a, "+", c), a=a, k=k, c=c)


def times_fewer(rng: random.Random) -> Facts:
    a, k, c = rng.randint(3, 12), rng.randint(2, 9), rng.randint(5, 70)
    return facts(Step("Kat", k, "x", a), Step("Kalan", k * a, "-", c), a=a, k=k, c=c)


FAMILIES = (
    Family("more_or_fewer", (
        Plot("more", more, (
            "{n:gen} {a} {t:poss} var. {m:gen} {t:poss} ondan {b} fazla. İkisinin toplam kaç {t:poss} var?",
            "{n} {a} {t} topladı. {m} ondan {b} fazla {t} topladı. İkisi toplam kaç {t} topladı?",
        ), (
            "{m}, {a} {t:poss} olan {n:abl} {b} fazla {t:dat} sahip. İkisinde kaç {t} var?",
        )),
        Plot("fewer", fewer, (
            "{n:gen} {a} {t:poss} var. {m:gen} {t:poss} ondan {b} eksik. İkisinin toplam kaç {t:poss} var?",
            "{n} {a} {t} topladı. {m} ondan {b} eksik {t} topladı. İkisi toplam kaç {t} topladı?",
        ), (
            "{m}, {a} {t:poss} olan {n:abl} {b} eksik {t:dat} sahip. İkisinde kaç {t} var?",
        )),
        Plot("three", three, (
            "{n:gen} {a} {t:poss} var. {m:gen} ondan {b} fazla, {o:gen} {m:abl} {c} eksik {t:poss} var. "
            "{o:gen} kaç {t:poss} var?",
            "{n} {a} {t} topladı. {m} ondan {b} fazla, {o} {m:abl} {c} eksik topladı. {o} kaç {t} topladı?",
        ), (
            "{n:loc} {a} {t} var, {m:loc} {b} fazlası. {o:loc} ise {m:abl} {c} eksik. {o:loc} kaç {t} var?",
        )),
    )),
    Family("times", (
        Plot("times", times, (
            "{n:gen} {a} {t:poss} var. {m:gen} {t:poss} bunun {k} katı, {o:gen} ise {c} {t:poss} var. "
            "{m} ile {o:gen} toplam kaç {t:poss} var?",
            "{n} {a} {t} topladı. {m} onun {k} katı kadar topladı, sonra {c} {t} daha buldu. "
            "{m:gen} kaç {t:poss} oldu?",
        ), (
            "{n:loc} {a} {t}, {m:loc} bunun {k} katı var. {m} {c} {t} daha alırsa kaç {t:poss} olur?",
        )),
        Plot("times_fewer", times_fewer, (
            "{n:gen} {a} {t:poss} var. {m:gen} {t:poss} bunun {k} katıydı ama {c} tanesini verdi. "
            "{m:gen} kaç {t:poss} kaldı?",
            "{n} {a} {t} topladı. {m} onun {k} katı kadar topladı ve {c} tanesini dağıttı. "
            "{m:gen} kaç {t:poss} kaldı?",
        ), (
            "{n:loc} {a} {t} var. {m:loc} bunun {k} katı vardı ama {c} tanesini kaybetti. {m:loc} kaç {t} kaldı?",
        )),
    )),
)
