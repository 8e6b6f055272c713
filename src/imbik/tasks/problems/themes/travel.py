"""Travel: distance at a steady speed, passengers getting on and off."""

from __future__ import annotations

import random

from imbik.tasks.problems.model import Facts, Family, Plot, Step, facts
from imbik.tasks.problems.themes.numbers import above


def speed(rng: random.Random) -> tuple[int, int]:
    """Hours and a round speed whose product is at most 180 km."""
    h = rng.randint(2, 6)
    return h, rng.choice([v for v in range(20, 91, 10) if h * v <= 180])


def road_left(rng: random.Random) -> Facts:
    h, v = speed(rng)
    a = above(rng, h * v, 55)
    return facts(Step("Gidilen", h, "x", v), Step("Kalan", a, "-", h * v), h=h, v=v, a=a)


def road_total(rng: random.Random) -> Facts:
    h, v = speed(rng)
    a = rng.randint(11, 60)
    return facts(Step("Gidilen", h, "x", v), Step("Toplam", a, "+", h * v), h=h, v=v, a=a)


def bus(rng: random.Random) -> Facts:
    a, b, c = rng.randint(20, 80), rng.randint(5, 60), rng.randint(5, 50)
    return facts(Step("Kalan", a, "-", b), Step("Toplam", a - b, "+", c), a=a, b=b, c=c)


def bus_two_stops(rng: random.Random) -> Facts:
    a, b, c, d, e = (rng.randint(20, 70), rng.randint(5, 50), rng.randint(5, 40), rng.randint(5, 50),
                     rng.randint(5, 40))
    first = a - b + c
    return facts(Step("Kalan", a, "-", b), Step("Toplam", a - b, "+", c), Step("Kalan", first, "-", d),
                 Step("Toplam", first - d, "+", e), a=a, b=b, c=c, d=d, e=e)


FAMILIES = (
    Family("road", (
        Plot("road_left", road_left, (
            "{n} saatte {v} km hızla {h} saat gitti. Yolun tamamı {a} km. Kaç km yolu kaldı?",
            "{n} {a} km uzaktaki köye gidiyor. Saatte {v} km hızla {h} saat yol aldı. Geriye kaç km kaldı?",
            "{a} km yolu olan {n}, {h} saat boyunca saatte {v} km gitti. Kaç km daha gidecek?",
        ), (
            "{n:gen} evi {a} km uzakta. {h} saattir saatte {v} km hızla geliyor. Eve kaç km kaldı?",
        )),
        Plot("road_total", road_total, (
            "{n} {a} km gittikten sonra saatte {v} km hızla {h} saat daha gitti. Toplam kaç km gitti?",
            "{n} saatte {v} km hızla {h} saat gitti, sonra {a} km daha yol aldı. Toplam kaç km gitti?",
        ), (
            "{n} önce {a} km, sonra {h} saat, saatte {v} km yol yaptı. Yolun tamamı kaç km?",
        )),
    )),
    Family("passengers", (
        Plot("bus", bus, (
            "{n} {a} yolcu taşıyan bir otobüs sürüyor. Durakta {b} yolcu indi, {c} yolcu bindi. Kaç yolcu oldu?",
            "{n:gen} otobüsünde {a} yolcu vardı. {b} kişi indi, {c} kişi bindi. Şimdi kaç yolcu var?",
            "{n:gen} sürdüğü trende {a} yolcu vardı. {b} kişi indi, sonra {c} kişi bindi. Trende kaç yolcu var?",
        ), (
            "{n:gen} sürdüğü minibüste {a} kişi vardı, {b} kişi inip {c} kişi bindi. Minibüste kaç kişi var?",
        )),
        Plot("bus_two_stops", bus_two_stops, (
            "{n:gen} otobüsünde {a} yolcu vardı. İlk durakta {b} kişi indi, {c} kişi bindi. İkinci durakta "
            "{d} kişi indi, {e} kişi bindi. Şimdi kaç yolcu var?",
            "{n} {a} yolcuyla yola çıktı. Önce {b} yolcu indi, {c} yolcu bindi, sonra {d} yolcu indi, "
            "{e} yolcu bindi. Kaç yolcu oldu?",
        ), (
            "{n:gen} gemisinde {a} yolcu vardı. Bir iskelede {b} kişi inip {c} kişi bindi, ötekinde {d} kişi inip "
            "{e} kişi bindi. Gemide kaç kişi var?",
        )),
    )),
)
