"""Sharing: things put together and shared equally, things given away."""

from __future__ import annotations

import random

from imbik.tasks.problems.model import Facts, Family, Plot, Step, facts
from imbik.tasks.problems.themes.numbers import above


def equal(rng: random.Random) -> Facts:
    k, share = rng.randint(2, 9), rng.randint(3, 12)
    a = rng.randint(5, 70)
    total = k * share
    return facts(Step("Toplam", a, "+", total - a), Step("Pay", total, "/", k), a=a, b=total - a, k=k)


def leftover(rng: random.Random) -> Facts:
    k, share = rng.randint(2, 9), rng.randint(3, 12)
    a = rng.randint(5, 40)
    total = k * share + a
    return facts(Step("Kalan", total, "-", a), Step("Pay", k * share, "/", k), a=total, b=a, k=k)


def given_away(rng: random.Random) -> Facts:
    k, p = rng.randint(2, 9), rng.randint(2, 12)
    a = above(rng, k * p, 60)
    return facts(Step("Verilen", k, "x", p), Step("Kalan", a, "-", k * p), a=a, k=k, p=p)


def given_and_got(rng: random.Random) -> Facts:
    k, p, c = rng.randint(2, 9), rng.randint(2, 12), rng.randint(11, 60)
    a = above(rng, k * p, 60)
    return facts(Step("Verilen", k, "x", p), Step("Kalan", a, "-", k * p), Step("Toplam", a - k * p, "+", c),
                 a=a, k=k, p=p, c=c)


FAMILIES = (
    Family("sharing", (
        Plot("equal", equal, (
            "{n:gen} {a}, {m:gen} {b} {t:poss} var. Hepsini {k} kişi eşit paylaşırsa her biri kaç {t} alır?",
            "{n} {a} {t}, {m} {b} {t} getirdi. Bunları {k} çocuğa eşit dağıttılar. Her çocuk kaç {t} aldı?",
            "{n} {a} {t:dat} {b} {t} ekledi ve {k} torbaya eşit koydu. Her torbada kaç {t} var?",
        ), (
            "{n:abl} {a}, {m:abl} {b} {t} geldi, {k} arkadaş bunları eşit paylaştı. Bir arkadaş kaç {t} aldı?",
        )),
        Plot("leftover", leftover, (
            "{n:gen} {a} {t:poss} vardı. {b} tanesini ayırdı, kalanı {k} kişiye eşit verdi. "
            "Her kişi kaç {t} aldı?",
            "{n} {a} {t:gen} {b} tanesini sakladı. Kalanı {k} arkadaşı eşit paylaştı. Her biri kaç {t} aldı?",
        ), (
            "{a} {t:poss} olan {n}, {b} tanesini {m:dat} verip kalanı {k} kutuya eşit dizdi. "
            "Bir kutuda kaç {t} var?",
        )),
    )),
    Family("giving", (
        Plot("given_away", given_away, (
            "{n:gen} {a} {t:poss} vardı. {k} arkadaşının her birine {p} {t} verdi. Kaç {t:poss} kaldı?",
            "{n} {k} çocuğun her birine {p} {t} dağıttı. Başta {a} {t:poss} vardı. Geriye kaç {t} kaldı?",
            "{a} {t:poss} olan {n}, {k} kişinin her birine {p} tane verirse kaç {t:poss} kalır?",
        ), (
            "{n} {a} {t:abl} {k} komşusunun her birine {p} tane ayırdı. {n:dat} kaç {t} kaldı?",
        )),
        Plot("given_and_got", given_and_got, (
            "{n:gen} {a} {t:poss} vardı. {k} arkadaşının her birine {p} tane verdi, sonra {c} {t} aldı. "
            "Şimdi kaç {t:poss} var?",
            "{a} {t:poss} olan {n}, {k} kişinin her birine {p} tane dağıttı. {m} ona {c} {t} verdi. Kaç {t:poss} oldu?",
        ), (
            "{n} {a} {t:abl} {k} çocuğun her birine {p} tane verdi, ardından {c} {t} daha buldu. Elinde kaç {t} var?",
        )),
    )),
)
