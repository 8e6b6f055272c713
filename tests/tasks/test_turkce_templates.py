"""The Turkish templates that ship: by name, clean, of the taxonomy's topics, and every answer worked out a second time,
from the text alone and by other arithmetic than the file's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from itertools import combinations
from pathlib import Path

import msgspec
import pytest

from imbik.core.errors import InputError
from imbik.core.types import Message, Sensitivity, Task
from imbik.privacy.detect import Detection
from imbik.privacy.operator import Operator
from imbik.tasks.grams import grams, jaccard, tokens
from imbik.tasks.growth.slots import MONTHS
from imbik.tasks.identifiers import raised
from imbik.tasks.strategies import Ground
from imbik.tasks.strategies.templates import SHIPPED, Template, Templates, read_templates
from imbik.tasks.taxonomy import read_taxonomy

FOUND, LINES = read_templates(SHIPPED / "turkce.yaml")
BY_NAME = {template.name: template for template in FOUND.templates}
YEARS = {
    "Malazgirt Savaşı": 1071, "Miryokefalon Savaşı": 1176, "Antalya'nın fethi": 1207, "Sinop'un fethi": 1214,
    "Yassıçemen Savaşı": 1230, "Babaîler İsyanı": 1240, "Kösedağ Savaşı": 1243,
    "Anadolu Selçuklu Devleti'nin sona ermesi": 1308,
    "Bursa'nın alınması": 1326, "Niğbolu Savaşı": 1396, "Ankara Savaşı": 1402, "İstanbul'un fethi": 1453,
    "Otlukbeli Savaşı": 1473, "Çaldıran Savaşı": 1514, "Mohaç Savaşı": 1526, "Preveze Deniz Savaşı": 1538,
    "İnebahtı Deniz Savaşı": 1571, "Kasr-ı Şirin Antlaşması": 1639, "İkinci Viyana Kuşatması": 1683,
    "Karlofça Antlaşması": 1699, "Pasarofça Antlaşması": 1718, "Küçük Kaynarca Antlaşması": 1774,
    "Sened-i İttifak": 1808, "Tanzimat Fermanı": 1839, "Islahat Fermanı": 1856, "Kanun-ı Esasi'nin ilanı": 1876,
    "İkinci Meşrutiyet'in ilanı": 1908,
}  # fmt: skip


class Said(dict[str, str]):
    """What a question says in each slot."""

    def n(self, name: str) -> float:
        """A number as Turkish writes it."""
        return float(self[name].replace(".", "").replace(",", "."))

    def day(self, name: str) -> date:
        """`29 Ekim 1923`."""
        number, month, year = self[name].split()
        return date(int(year), MONTHS.index(month) + 1, int(number))


def later(days: int) -> Callable[[Said], date]:
    return lambda said: said.day("ilk") + timedelta(days=days)


def years_between(said: Said) -> float:
    assert YEARS[said["ilk"]] == said.n("ilk_yıl")
    assert YEARS[said["son"]] == said.n("son_yıl")
    return YEARS[said["son"]] - YEARS[said["ilk"]]


def rainiest(said: Said) -> str:
    amounts = {name: said.n(slot) for name, slot in
               {"kış": "kış", "ilkbahar": "ilkbahar", "yaz": "yaz", "sonbahar": "güz"}.items()}  # fmt: skip
    return max(amounts, key=lambda name: amounts[name])


def notice(said: Said) -> int:
    years = said.n("ay") / 12
    return (2, 4, 6, 8)[(years > 0.5) + (years > 1.5) + (years > 3)]


def cheaper(said: Said) -> str:
    return "A" if said.n("p1") * said.n("g2") < said.n("p2") * said.n("g1") else "B"


def choice(template: str, slot: str, key: str) -> Callable[[Said], str]:
    """What the list of choices holds beside a text: read by people, so only looked up here."""
    return lambda said: next(
        str(item[key]) for item in BY_NAME[template].slots[slot].choices or ()
        if isinstance(item, dict) and str(item["text"]) == said[slot]
    )  # fmt: skip


UNITS = {
    ("dönüm", "metrekare"): 1000, ("hektar", "dönüm"): 10, ("ton", "kilogram"): 1000, ("litre", "su bardağı"): 5,
    ("saat", "dakika"): 60, ("kilometre", "metre"): 1000, ("gün", "saat"): 24, ("düzine", "tane"): 12,
    ("kilogram", "gram"): 1000,
}  # fmt: skip
AGAIN: dict[str, Callable[[Said], float | str | date]] = {
    "basit-faiz": lambda s: s.n("ana") * s.n("oran") / 100 / 12 * s.n("ay"),
    "net-faiz": lambda s: s.n("brüt") * (1 - s.n("stopaj") / 100),
    "taksit-farkı": lambda s: s.n("tutar") * s.n("taksit") - s.n("peşin"),
    "bileşik-artış": lambda s: s.n("fiyat") * (1 + s.n("ilk") / 100) * (1 + s.n("son") / 100),
    "ücret-zammı": lambda s: s.n("ücret") * (1 + s.n("zam") / 100),
    "satın-alma-gücü": lambda s: ("azaldı", "değişmedi", "arttı")[
        (s.n("zam") >= s.n("enflasyon")) + (s.n("zam") > s.n("enflasyon"))
    ],
    "altın-saflığı": lambda s: s.n("gram") / 24 * s.n("ayar"),
    "döviz-alımı": lambda s: s.n("adet") * s.n("sonra") - s.n("adet") * s.n("kur"),
    "temerrüt-faizi": lambda s: s.n("ana") * s.n("oran") / 100 / 360 * s.n("gün"),
    "kira-güvencesi": lambda s: "uygun değil" if s.n("istek") / s.n("kira") > 3 else "uygun",
    "kira-ihtarı": later(30),
    "zamanaşımı-tarihi": lambda s: float(s["ilk"].split()[-1]) + 10,
    "ihbar-süresi": notice,
    "fazla-çalışma": lambda s: (s.n("saat") - 45) * s.n("ücret") * 3 / 2,
    "miras-payı": lambda s: (s.n("tereke") - s.n("tereke") / 4) / s.n("çocuk"),
    "cayma-süresi": later(14),
    "kvkk-cevap": later(30),
    "kdv-dahil": lambda s: s.n("tutar") * (1 + s.n("oran") / 100),
    "emlak-vergisi": lambda s: s.n("değer") / 1000 * s.n("oran") / 2,
    "belediye-birimi": choice("belediye-birimi", "sorun", "konu"),
    "kimlik-kartı": lambda s: float(s["ilk"].split()[-1]) + 10,
    "dava-süresi": later(60),
    "başvuru-kanalı": choice("başvuru-kanalı", "durum", "hat"),
    "ölçek": lambda s: s.n("cm") * s.n("ölçek") / 100 / 1000,
    "yerel-saat": lambda s: (s.n("doğu") - s.n("batı")) * 4,
    "nüfus-yoğunluğu": lambda s: s.n("nüfus") / s.n("alan"),
    "sıcaklık-yükselti": lambda s: s.n("sıcak") - s.n("yükselti") / 100 * 0.5,
    "en-yağışlı-mevsim": rainiest,
    "selçuklu-yılları": years_between,
    "olay-aralığı": years_between,
    "cumhuriyet-günleri": lambda s: (s.day("son_gün") - s.day("ilk_gün")).days,
    "çocuk-dozu": lambda s: s.n("kilo") * s.n("doz") / (s.n("miktar") / s.n("ölçü")),
    "tablet-günü": lambda s: s.n("kutu") * s.n("adet") // (s.n("kez") * s.n("tane")),
    "beden-kitle": lambda s: round(s.n("kilo") / (s.n("boy") / 100) ** 2 + 1e-9, 1),
    "aciliyet": choice("aciliyet", "durum", "karar"),
    "pazar-alışverişi": lambda s: s.n("para") - s.n("f1") * s.n("k1") - s.n("f2") * s.n("k2"),
    "hangisi-ucuz": cheaper,
    "tarif-uyarlama": lambda s: s.n("miktar") / s.n("az") * s.n("çok"),
    "varış-saati": lambda s: s.n("saat") * 60 + s.n("s") * 60 + s.n("d"),
    "yol-süresi": lambda s: s.n("yol") / s.n("hız") * 60 + s.n("mola"),
    "aidat-gecikmesi": lambda s: s.n("aidat") * (1 + 0.05 * s.n("ay")),
    "gider-paylaşımı": lambda s: s.n("gider") / (s.n("daire") - s.n("boş")),
    "birim-çevirme": lambda s: s.n("sayı") * UNITS[s["birim_ad"], s["birim_hedef"]],
}  # fmt: skip


@cache
def opened() -> Templates:
    made = Templates(Templates.Settings(file="turkce"))
    level = Sensitivity.CONFIDENTIAL
    made.prepare(Ground(seeds=(), fields=("question",), base=Path("/nowhere"), language="en", level=level, seed=3))
    return made


def rows(template: Template, ideas: int = 2) -> Iterator[Mapping[str, str]]:
    made, found = opened(), 0
    for number in range(ideas * len(made.found[template.category])):
        idea = made.idea(template.category, number)
        if idea is None or found == ideas:
            return
        if idea.how == template.name:
            assert (idea.language, idea.sensitivity) == ("tr", Sensitivity.PUBLIC)
            assert len(idea.rows) == 20 or template.once, "values that fit are found for every row"
            yield from idea.rows
            found += 1


def slot_pattern(template: Template, name: str) -> str:
    """What may stand in a slot, as an expression."""
    own, _, key = (name, "", "text") if name in template.slots else name.partition("_")
    slot = template.slots[own]
    if slot.choices is not None:
        items = [item[key] if isinstance(item, dict) else item for item in slot.choices]
        return "|".join(re.escape(str(item)) for item in items)
    return r"\w+" if slot.names is not None else r"\d+ \w+ \d{4}" if slot.days is not None else r"\d[\d.]*(?:,\d+)?"


def said(template: Template, question: str) -> Said:
    """The slots of a question, by whichever wording it has."""
    for text in template.texts:
        seen = set[str]()
        pattern = ""
        for part in re.split(r"(\{\w+\})", text):
            name = part[1:-1]
            if not part.startswith("{"):
                pattern += re.escape(part)
            else:
                pattern += f"(?P={name})" if name in seen else f"(?P<{name}>{slot_pattern(template, name)})"
                seen.add(name)
        if found := re.fullmatch(pattern, question):
            return Said(found.groupdict())
    raise AssertionError(f"no wording of {template.name} reads: {question}")


@pytest.mark.parametrize("template", FOUND.templates, ids=lambda template: template.name)
def test_answers_are_right(template: Template) -> None:
    for row in rows(template):
        again = AGAIN[template.name](said(template, row["question"]))
        answer = row["answer"]
        if isinstance(again, date):
            assert answer == f"{again.day} {MONTHS[again.month - 1]} {again.year}", row
        elif isinstance(again, str):
            assert answer == again, row
        else:
            assert re.fullmatch(r"-?\d+(,\d{1,3})?", answer), row
            assert float(answer.replace(",", ".")) == pytest.approx(again, abs=1e-6), row


def test_all_are_checked() -> None:
    assert list(BY_NAME) == [*dict.fromkeys(BY_NAME)]
    assert set(AGAIN) == set(BY_NAME)
    assert len(BY_NAME) >= 40


def test_their_categories_are_topics_of_the_taxonomy_and_reach_every_branch() -> None:
    topics = {branch.name for branch in read_taxonomy("turkce", Path()).topics}
    used = {template.category for template in FOUND.templates}
    assert used <= topics
    assert {name.split(" › ")[0] for name in used} == {name.split(" › ")[0] for name in topics}


@pytest.mark.parametrize("template", FOUND.templates, ids=lambda template: template.name)
def test_texts_are_clean_and_instances_differ(template: Template) -> None:
    texts = [row["question"] for row in rows(template)]
    for text in texts:
        assert text == unicodedata.normalize("NFC", text)
        assert text[0].isupper() or text[0].isdigit(), text
        assert re.search(r"[.?)]$", text), text
        assert "  " not in text
        assert "{" not in text
    assert len(template.texts) >= 2
    sets = [grams(tokens(text), 3) for text in dict.fromkeys(texts)]
    alike = sum(jaccard(one, other) >= 0.85 for one, other in combinations(sets, 2))
    assert alike <= 0.02 * len(sets) * (len(sets) - 1) / 2, "instances that the pool would refuse are the exception"


def test_detectors_find_nobody_in_them_so_that_they_may_leave() -> None:
    """And they do find one where there is one: a template that asked for a birth date was taken out for this."""
    detection = Detection(Operator())
    base = Task(id="1", kind="qa", messages=(), sensitivity=Sensitivity.PUBLIC)
    texts = [row["question"] for template in FOUND.templates for row in rows(template)]
    tasks = [
        msgspec.structs.replace(base, messages=(Message(role="user", content=text),))
        for text in [*texts, "Kerem Yılmaz 6 Mart 2021 günü Sivas ilinde doğdu, TCKN 10000000146, hangi gün?"]
    ]
    *found, control = raised(tasks, detection, "")[0]
    assert [task.text for task in found if task.sensitivity is not Sensitivity.PUBLIC] == []
    assert control.sensitivity is not Sensitivity.PUBLIC


def test_no_two_templates_say_the_same() -> None:
    sets = {name: grams(tokens(template.texts[0]), 3) for name, template in BY_NAME.items()}
    assert max(jaccard(sets[one], sets[other]) for one, other in combinations(sets, 2)) < 0.4


@pytest.mark.parametrize("name", [name for name, template in BY_NAME.items() if template.once])
def test_what_makes_a_task_is_never_had_twice(name: str) -> None:
    template = BY_NAME[name]
    drawn = [tuple(map(said(template, row["question"]).get, template.once)) for row in rows(template, 3)]
    assert len(drawn) == len(set(drawn)) <= template.most


@pytest.mark.parametrize("name", ["satın-alma-gücü", "kira-güvencesi", "hangisi-ucuz", "en-yağışlı-mevsim", "aciliyet"])
def test_no_answer_of_a_choice_is_the_right_one_most_of_the_time(name: str) -> None:
    answers = [row["answer"] for row in rows(BY_NAME[name], 8)]
    assert max(answers.count(answer) for answer in set(answers)) <= 0.7 * len(answers)


def test_a_name_that_does_not_ship_is_refused_and_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file of templates 'turkçe'.*did you mean 'turkce'"):
        Templates(Templates.Settings(file="turkçe")).files(tmp_path)


def test_a_file_of_the_users_own_comes_first_and_is_as_private_as_the_recipe_says(tmp_path: Path) -> None:
    (tmp_path / "turkce").write_text(
        "templates:\n- {name: a, text: '{b} iki kere kaç eder?', answer: b * 2, slots: {b: {int: [1, 9]}}}",
        encoding="utf-8",
    )
    made = Templates(Templates.Settings(file="turkce"))
    ground = Ground(seeds=(), fields=("question",), base=tmp_path, language="tr", level=Sensitivity.INTERNAL)
    assert made.prepare(ground) == [""]
    idea = made.idea("", 0)
    assert idea is not None
    assert idea.sensitivity is Sensitivity.INTERNAL
