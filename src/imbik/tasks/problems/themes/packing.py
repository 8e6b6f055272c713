"""Packing: boxes with loose pieces, boxes sold, how many boxes are needed."""

from __future__ import annotations

import random

from imbik.tasks.problems.model import Facts, Family, Plot, Step, facts
from imbik.tasks.problems.themes.numbers import table


def boxes(rng: random.Random) -> Facts:
    k, p = table(rng)
    a = rng.randint(5, 90)
    return facts(Step("Kasalar", k, "x", p), Step("Toplam", k * p, "+", a), k=k, p=p, a=a)


def boxes_sold(rng: random.Random) -> Facts:
    k, p = table(rng)
    a, b = rng.randint(5, 60), rng.randint(11, 90)
    return facts(Step("Kasalar", k, "x", p), Step("Toplam", k * p, "+", a), Step("Kalan", k * p + a, "-", b),
                 k=k, p=p, a=a, b=b)


def boxes_needed(rng: random.Random) -> Facts:
    p, count, b = rng.randint(4, 12), rng.randint(3, 9), rng.randint(3, 50)
    return facts(Step("Kalan", p * count + b, "-", b), Step("Kutu", p * count, "/", p), a=p * count + b, b=b, p=p)


FAMILIES = (
    Family("boxes", (
        Plot("boxes", boxes, (
            "{n} {k} kasanın her birine {p} {t} koydu. Dışarıda {a} {t} kaldı. Toplam kaç {t} var?",
            "{n:gen} her birinde {p} {t} olan {k} kasası ve ayrıca {a} {t:poss} var. Kaç {t:poss} var?",
            "Bir kasaya {p} {t} sığıyor. {n} {k} kasa doldurdu ve {a} {t} arttı. Hepsi kaç {t} eder?",
        ), (
            "{n} {t:pl.acc} her kasaya {p} tane olmak üzere dizdi. {k} kasa doldu, {a} {t} açıkta kaldı. "
            "Kaç {t} vardı?",
        ), "grown"),
        Plot("boxes_sold", boxes_sold, (
            "{n:gen} {p} {t} alan {k} dolu kasası ve ayrıca {a} {t:poss} vardı. {b} {t} sattı. Kaç {t} kaldı?",
            "{n} {k} kasanın her birine {p} {t} koydu, {a} {t} arttı. Sonra {b} {t} sattı. Geriye kaç {t} kaldı?",
        ), (
            "Pazarda {n:gen} {k} kasa {t:poss} vardı, her kasada {p} tane. Sepette {a} {t} daha vardı. "
            "{b} tanesi satıldı. Kaç {t} kaldı?",
        ), "grown"),
    )),
    Family("boxes_needed", (
        Plot("boxes_needed", boxes_needed, (
            "{n:gen} {a} {t:poss} vardı. {b} tanesi çürüdü, kalanı {p} tanelik kutulara koydu. Kaç kutu doldu?",
            "{n} {a} {t:abl} {b} tanesini sattı, kalanı her kutuya {p} tane dizdi. Kaç kutu gerekti?",
            "{a} {t:poss} olan {n}, {b} tanesini kullandı, kalanı her kutuda {p} tane olacak biçimde dizdi. "
            "Kaç kutu oldu?",
        ), (
            "{n} {a} {t} topladı, {b} tanesini komşusuna verdi. Kutular {p} tanelik. Kalan {t} kaç kutuyu doldurur?",
        ), "grown"),
    )),
)
