"""Ages: older and younger, sums of ages, years to come."""

from __future__ import annotations

import random

from imbik.tasks.problems.model import Facts, Family, Plot, Step, facts


def older(rng: random.Random) -> Facts:
    a, b = rng.randint(7, 60), rng.randint(2, 29)
    return facts(Step("Yaş", a, "+", b), Step("Toplam", a, "+", a + b), a=a, b=b)


def younger(rng: random.Random) -> Facts:
    a = rng.randint(15, 70)
    b = rng.randint(2, min(a - 6, 39))
    return facts(Step("Yaş", a, "-", b), Step("Toplam", a, "+", a - b), a=a, b=b)


def years_later(rng: random.Random) -> Facts:
    a, b, c = rng.randint(7, 50), rng.randint(2, 29), rng.randint(2, 19)
    return facts(Step("Yaş", a, "+", b), Step("Sonra", a + b, "+", c), a=a, b=b, c=c)


def difference(rng: random.Random) -> Facts:
    b = rng.randint(5, 59)
    a = b + rng.randint(3, 39)
    return facts(Step("Fark", a, "-", b), a=a, b=b)


FAMILIES = (
    Family("ages", (
        Plot("older", older, (
            "{n} {a} yaşında. {m} ondan {b} yaş büyük. İkisinin yaşları toplamı kaçtır?",
            "{m}, {a} yaşındaki {n:abl} {b} yaş büyüktür. İkisinin yaşları toplamı kaç eder?",
        ), (
            "{n:gen} yaşı {a}, {m:gen} yaşı ondan {b} fazla. Yaşlarının toplamı kaçtır?",
        )),
        Plot("younger", younger, (
            "{n} {a} yaşında. {m} ondan {b} yaş küçük. İkisinin yaşları toplamı kaçtır?",
            "{m}, {a} yaşındaki {n:abl} {b} yaş küçüktür. İkisinin yaşları toplamı kaç eder?",
        ), (
            "{n:gen} yaşı {a}, {m:gen} yaşı ondan {b} eksik. Yaşlarının toplamı kaçtır?",
        )),
        Plot("difference", difference, (
            "{n} {a} yaşında, {m} {b} yaşında. Aralarında kaç yaş fark var?",
            "{n} {a}, kardeşi {m} {b} yaşındadır. {n} kardeşinden kaç yaş büyüktür?",
        ), (
            "{n:gen} yaşı {a}, {m:gen} yaşı {b}. Yaşlarının farkı kaçtır?",
        )),
        Plot("years_later", years_later, (
            "{n} {a} yaşında. {m} ondan {b} yaş büyük. {m} {c} yıl sonra kaç yaşında olur?",
            "{m}, {a} yaşındaki {n:abl} {b} yaş büyüktür. {c} yıl sonra {m} kaç yaşına girer?",
        ), (
            "{n} bugün {a} yaşında, {m} ise {b} yaş daha büyük. {m:gen} {c} yıl sonraki yaşı kaçtır?",
        )),
    )),
)
