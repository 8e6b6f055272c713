"""Percentages: discounts in a shop, parts of a group."""

from __future__ import annotations

import random

from imbik.tasks.problems.model import Facts, Family, Plot, Step, facts
from imbik.tasks.problems.themes.numbers import PERCENTAGES


def whole_and_rate(rng: random.Random) -> tuple[int, int]:
    """A multiple of 20 up to 200 and a simple percentage, so that the part is a whole number."""
    return rng.choice(range(20, 201, 20)), rng.choice(PERCENTAGES)


def discount(rng: random.Random) -> Facts:
    a, r = whole_and_rate(rng)
    c = rng.randint(11, 70)
    part = a * r // 100
    return facts(Step("İndirim", a, "%", r), Step("Fiyat", a, "-", part), Step("Toplam", a - part, "+", c),
                 a=a, r=r, c=c)


def rest_of_group(rng: random.Random) -> Facts:
    a, r = whole_and_rate(rng)
    c = rng.randint(5, 70)
    part = a * r // 100
    return facts(Step("Giden", a, "%", r), Step("Kalan", a, "-", part), Step("Toplam", a - part, "+", c), a=a, r=r, c=c)


def part_of_money(rng: random.Random) -> Facts:
    a, r = whole_and_rate(rng)
    c = rng.randint(5, 70)
    part = a * r // 100
    return facts(Step("Harcanan", a, "%", r), Step("Toplam", part, "+", c), a=a, r=r, c=c)


FAMILIES = (
    Family("discount", (
        Plot("discount", discount, (
            "{a} liralık {t} %{r} indirimle satılıyor. {n} bir {t} ve {c} liralık {u} aldı. Kaç lira ödedi?",
            "{n} {a} liralık {t:acc} %{r} indirimle aldı. Bir de {c} liraya {u} aldı. Toplam kaç lira verdi?",
            "{t:gen} fiyatı {a} lira, indirim %{r}. {n} {t} ile {c} liralık {u} alırsa kaç lira öder?",
        ), (
            "Bir mağazada {a} liralık {t:dat} %{r} indirim yapıldı. {n} onu ve {c} liralık {u:acc} aldı. "
            "Ne kadar ödedi?",
        ), "worn"),
    )),
    Family("group", (
        Plot("rest_of_group", rest_of_group, (
            "{n:gen} {a} {t:poss} vardı. %{r:poss} kayboldu, sonra {c} {t} aldı. Şimdi kaç {t:poss} var?",
            "{n} {a} {t:gen} %{r:poss.acc} dağıttı. {m} ona {c} {t} verdi. {n:gen} kaç {t:poss} oldu?",
            "{a} {t:poss} olan {n}, bunların %{r:poss.acc} sattı ve {c} yeni {t} aldı. Kaç {t:poss} oldu?",
        ), (
            "{n} {a} {t:gen} %{r:poss.acc} {m:dat} verdi. Ertesi gün {c} {t} buldu. Elinde kaç {t} var?",
        )),
        Plot("part_of_money", part_of_money, (
            "{n:gen} {a} lirası var. %{r:poss.acc} {t:dat}, {c} lirasını {u:dat} verdi. Kaç lira harcadı?",
            "{n} {a} lirasının %{r:poss.acc} {t:dat} ödedi, {c} liraya da {u} aldı. Toplam kaç lira harcadı?",
        ), (
            "{a} lirası olan {n}, parasının %{r:poss} ile {t}, {c} lirası ile {u} aldı. Kaç lira ödedi?",
        ), "worn"),
    )),
)
