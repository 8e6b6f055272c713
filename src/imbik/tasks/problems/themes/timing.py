"""Time: hours and minutes of a day, pages and days of a book."""

from __future__ import annotations

import random

from imbik.tasks.problems.model import Facts, Family, Plot, Step, facts
from imbik.tasks.problems.themes.numbers import above, table


def hours(rng: random.Random) -> Facts:
    h, a, b = rng.choice((2, 3)), rng.randint(11, 60), rng.randint(11, 55)
    return facts(Step("Süre", h, "x", 60), Step("Geçen", a, "+", b), Step("Kalan", h * 60, "-", a + b),
                 h=h, a=a, b=b)


def daily(rng: random.Random) -> Facts:
    k, p = table(rng)
    a = rng.randint(11, 60)
    return facts(Step("Günler", k, "x", p), Step("Toplam", a, "+", k * p), k=k, p=p, a=a)


def book(rng: random.Random) -> Facts:
    k, p = table(rng)
    a = above(rng, k * p)
    return facts(Step("Okunan", k, "x", p), Step("Kalan", a, "-", k * p), k=k, p=p, a=a)


def book_started(rng: random.Random) -> Facts:
    k, p = table(rng)
    b = rng.randint(11, 60)
    a = above(rng, b + k * p, 60)
    return facts(Step("Okunan", k, "x", p), Step("Toplam", b, "+", k * p), Step("Kalan", a, "-", b + k * p),
                 a=a, b=b, k=k, p=p)


FAMILIES = (
    Family("minutes", (
        Plot("hours", hours, (
            "{n:gen} {h} saat boş zamanı vardı. {a} dakika yürüdü, {b} dakika kitap okudu. Kaç dakikası kaldı?",
            "{n} {h} saatlik sınavda {a} dakika Türkçe, {b} dakika matematik çözdü. Geriye kaç dakika kaldı?",
            "{h} saatlik yolculukta {n} {a} dakika uyudu, {b} dakika müzik dinledi. Yolun kaç dakikası kaldı?",
        ), (
            "{n} ödevlerine {h} saat ayırdı. Fen {a} dakika, resim {b} dakika sürdü. Kaç dakikası daha var?",
        )),
        Plot("practice", daily, (
            "{n} {k} gün boyunca günde {p} dakika, hafta sonu {a} dakika koştu. Toplam kaç dakika koştu?",
            "{n} her gün {p} dakika piyano çalışıyor. {k} gün çalıştı, sonra {a} dakika daha çaldı. "
            "Toplam kaç dakika etti?",
        ), (
            "{n} {k} gün günde {p} dakika, bir gün de {a} dakika yüzdü. Hepsi kaç dakikadır?",
        )),
    )),
    Family("reading", (
        Plot("book", book, (
            "{n:gen} kitabı {a} sayfa. {k} gün boyunca günde {p} sayfa okudu. Kaç sayfası kaldı?",
            "{n} günde {p} sayfa okuyor. {a} sayfalık kitabı {k} gün okudu. Geriye kaç sayfa kaldı?",
            "{a} sayfalık bir kitaptan {k} gün, her gün {p} sayfa okuyan {n:gen} kaç sayfası kalır?",
        ), (
            "{n} {a} sayfalık romana başladı. Her akşam {p} sayfa okursa {k} akşam sonra kaç sayfa kalır?",
        )),
        Plot("book_started", book_started, (
            "{n} {a} sayfalık kitabın {b} sayfasını okumuştu. {k} gün daha günde {p} sayfa okudu. "
            "Kaç sayfa kaldı?",
            "{n:gen} kitabı {a} sayfa. Önce {b} sayfa, sonra {k} gün günde {p} sayfa okudu. Kaç sayfası kaldı?",
        ), (
            "{n} {a} sayfalık dergide {b} sayfa okudu. {k} gün daha, günde {p} sayfa okursa kaç sayfa kalır?",
        )),
    )),
)
