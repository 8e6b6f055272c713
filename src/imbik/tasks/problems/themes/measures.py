"""Measures: lengths cut, weights loaded, volumes poured."""

from __future__ import annotations

import random

from imbik.tasks.problems.model import Facts, Family, Plot, Step, facts
from imbik.tasks.problems.themes.numbers import above, table


def pieces(rng: random.Random) -> Facts:
    k, p = table(rng)
    a = above(rng, k * p)
    return facts(Step("Kesilen", k, "x", p), Step("Kalan", a, "-", k * p), k=k, p=p, a=a)


def metres(rng: random.Random) -> Facts:
    a, b = rng.randint(11, 90), rng.randint(11, 90)
    return facts(Step("Boy", 2, "x", 100), Step("Kesilen", a, "+", b), Step("Kalan", 200, "-", a + b), h=2, a=a, b=b)


def sacks(rng: random.Random) -> Facts:
    k, p = table(rng)
    a = rng.randint(11, 90)
    return facts(Step("Çuvallar", k, "x", p), Step("Toplam", a, "+", k * p), k=k, p=p, a=a)


def sacks_sold(rng: random.Random) -> Facts:
    k, p = table(rng)
    a, b = rng.randint(11, 60), rng.randint(11, 90)
    return facts(Step("Çuvallar", k, "x", p), Step("Toplam", a, "+", k * p), Step("Kalan", a + k * p, "-", b),
                 k=k, p=p, a=a, b=b)


def tank(rng: random.Random) -> Facts:
    b, c, d = rng.randint(11, 60), rng.randint(11, 60), rng.randint(11, 60)
    a = above(rng, b + c, 60)
    return facts(Step("Harcanan", b, "+", c), Step("Kalan", a, "-", b + c), Step("Toplam", a - b - c, "+", d),
                 a=a, b=b, c=c, d=d)


FAMILIES = (
    Family("length", (
        Plot("pieces", pieces, (
            "{n} {a} santimlik ipten her biri {p} santim olan {k} parça kesti. Kaç santim ip kaldı?",
            "{n:gen} {a} santim kurdelesi vardı. {k} paketin her birine {p} santim bağladı. Kaç santimi kaldı?",
            "{a} santim uzunluğundaki kumaştan {n}, {p} santimlik {k} parça kesti. Geriye kaç santim kaldı?",
        ), (
            "Bir tel {a} santimdi. {n} telden {p} santimlik {k} parça kesti. Telin kaç santimi kaldı?",
        )),
        Plot("metres", metres, (
            "{n} {h} metre ipten önce {a} santim, sonra {b} santim kesti. Kaç santim ip kaldı?",
            "{n:gen} {h} metre kumaşı var. {a} santimiyle perde, {b} santimiyle örtü dikti. Kaç santimi kaldı?",
        ), (
            "{n} {h} metrelik tahtayı {a} ve {b} santim kısalttı. Tahtanın kaç santimi kaldı?",
        )),
    )),
    Family("weight", (
        Plot("sacks", sacks, (
            "{n} her biri {p} kilo olan {k} çuval {t} ile {a} kilo {u} aldı. Toplam kaç kilo aldı?",
            "{n} arabaya {a} kilo {u} ve {p} kiloluk {k} çuval {t} koydu. Yük kaç kilo oldu?",
            "Depoda {a} kilo {u} vardı. {n} {p} kiloluk {k} çuval {t} getirdi. Depoda toplam kaç kilo oldu?",
        ), (
            "{n:gen} dükkanında {k} çuval {t} var, bir çuval {p} kilo. {a} kilo da {u} var. Hepsi kaç kilodur?",
        ), "bulk"),
        Plot("sacks_sold", sacks_sold, (
            "{n:gen} {a} kilo {t:poss} vardı. {p} kiloluk {k} çuval daha aldı, {b} kilosunu sattı. "
            "Kaç kilo {t} kaldı?",
            "{n} {a} kilo {t:dat} {p} kiloluk {k} çuval ekledi, sonra {b} kilo sattı. Kaç kilosu kaldı?",
        ), (
            "Ambarda {a} kilo {t} vardı. {n} {k} çuval getirdi, her çuval {p} kilo. {b} kilosu satıldı. "
            "Kaç kilo kaldı?",
        ), "bulk"),
    )),
    Family("volume", (
        Plot("tank", tank, (
            "{n:gen} deposunda {a} litre su vardı. Sabah {b}, akşam {c} litre kullandı, sonra {d} litre ekledi. "
            "Kaç litre su oldu?",
            "{n} {a} litrelik sütten önce {b}, sonra {c} litre sattı. Ardından {d} litre süt geldi. "
            "Kaç litre sütü var?",
            "Varilde {a} litre su vardı. {n} {b} litreyi bahçeye, {c} litreyi temizliğe harcadı ve {d} litre "
            "doldurdu. Kaç litre oldu?",
        ), (
            "{n} depodaki {a} litre sudan bir komşusuna {b}, ötekine {c} litre verdi, sonra {d} litre aldı. "
            "Depoda kaç litre su var?",
        )),
    )),
)
