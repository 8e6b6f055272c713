"""Money: paying and change, a day's spending, saving up."""

from __future__ import annotations

import random

from imbik.tasks.problems.model import Facts, Family, Plot, Step, facts
from imbik.tasks.problems.themes.numbers import above, table


def change(rng: random.Random) -> Facts:
    k, p = table(rng)
    b = above(rng, k * p)
    return facts(Step("Tutar", k, "x", p), Step("Kalan", b, "-", k * p), k=k, p=p, b=b)


def spending(rng: random.Random) -> Facts:
    b, c = rng.randint(12, 70), rng.randint(12, 70)
    a = above(rng, b + c, 60)
    return facts(Step("Harcanan", b, "+", c), Step("Kalan", a, "-", b + c), a=a, b=b, c=c)


def saving(rng: random.Random) -> Facts:
    k, p = table(rng)
    a = rng.randint(11, 90)
    return facts(Step("Biriken", k, "x", p), Step("Toplam", a, "+", k * p), a=a, k=k, p=p)


def target(rng: random.Random) -> Facts:
    k, p = table(rng)
    a = rng.randint(11, 60)
    b = above(rng, a + k * p, 60)
    return facts(Step("Biriken", k, "x", p), Step("Toplam", a, "+", k * p), Step("Eksik", b, "-", a + k * p),
                 a=a, k=k, p=p, b=b)


FAMILIES = (
    Family("shopping", (
        Plot("change", change, (
            "{n:gen} {b} lirası vardı. Tanesi {p} liradan {k} {t} aldı. {n:gen} kaç lirası kaldı?",
            "{n}, tanesi {p} lira olan {t:abl} {k} tane aldı ve {b} lira verdi. Para üstü kaç liradır?",
            "Bir {t} {p} liradır. {n} {k} {t} aldı, kasaya {b} lira verdi. Kaç lira para üstü alır?",
            "Cebinde {b} lira olan {n}, tanesi {p} liraya {k} {t} aldı. Geriye kaç lirası kaldı?",
        ), (
            "{n} her biri {p} lira olan {k} {t} seçip {b} lira uzattı. Kasiyer ona kaç lira geri verir?",
        ), "sold"),
    )),
    Family("spending", (
        Plot("spending", spending, (
            "{n:gen} {a} lirası vardı. {b} liraya {t}, {c} liraya {u} aldı. Kaç lirası kaldı?",
            "{n} {t:dat} {b} lira, {u:dat} {c} lira ödedi. Başta {a} lirası vardı. Şimdi kaç lirası var?",
            "{a} lirası olan {n}, {b} liralık {t} ve {c} liralık {u} aldı. Geriye kaç lira kaldı?",
        ), (
            "{n} çarşıya {a} lirayla çıktı, {t} için {b}, {u} için {c} lira harcadı. Eve kaç lirayla geldi?",
        ), "worn"),
    )),
    Family("saving", (
        Plot("saving", saving, (
            "{n:gen} kumbarasında {a} lira var. {k} hafta boyunca her hafta {p} lira atarsa kaç lirası olur?",
            "{n} {k} gün boyunca günde {p} lira biriktirdi. Önceden {a} lirası vardı. Toplam kaç lirası oldu?",
            "{a} lirası olan {n}, {k} ay boyunca her ay {p} lira biriktirdi. Şimdi kaç lirası var?",
        ), (
            "{n:gen} {a} lirası vardı. Annesi ona {k} gün, günde {p} lira verdi. {n:gen} parası kaç lira oldu?",
        )),
        Plot("target", target, (
            "{n:gen} {a} lirası var. {k} hafta, haftada {p} lira biriktirdi. {b} liralık {t} için kaç lirası eksik?",
            "{n} {b} liralık bir {t} almak istiyor. {a} lirası vardı, {k} gün boyunca günde {p} lira biriktirdi. "
            "Daha kaç lira gerekir?",
        ), (
            "Bir {t} {b} lira. {n:gen} {a} lirası var, {k} ay her ay {p} lira ekledi. Kaç lira daha bulmalıdır?",
        ), "worn"),
    )),
)
