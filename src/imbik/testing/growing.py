"""A teacher that grows tasks by rote: thousands of different Turkish tasks, or a few until it runs dry.

Enters: the messages of a request. Leaves: what a growth question asks for, as JSON of the form that the question shows;
the same question always gets the same tasks. Any other question is left to another answering function. It proves that
growing works, and says nothing of how good the tasks of a real teacher are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from random import Random

from imbik.testing.answers import Messages, solve

_FORM = re.compile(r'\{"tasks": \[(\{.*?\})\]\}')
_COUNT = re.compile(r"tam (\d+) görev|exactly (\d+) tasks")
_TOPIC = re.compile(r"Konu: ([^.\n]+)\.|Şu konuda \d+ yeni görev yaz: ([^.\n]+)\.")
_PEOPLE = (
    "emekli öğretmen", "genç çiftçi", "yeni mezun mühendis", "ev sahibi", "pazarcı", "balıkçı", "muhtar", "eczacı",
    "terzi", "şoför", "aşçı", "kütüphaneci", "hemşire", "marangoz", "fırıncı", "kasap", "berber", "muhasebeci",
    "stajyer avukat", "arıcı", "çoban", "bahçıvan", "tesisatçı", "kuyumcu", "nakliyeci", "gözlükçü", "saatçi",
)  # fmt: skip
_PLACES = (
    "Konya", "İzmir", "Ağrı", "Şırnak", "Çorum", "Iğdır", "Muğla", "Bitlis", "Giresun", "Uşak", "Kırşehir", "Ordu",
    "Tekirdağ", "Artvin", "Niğde", "Malatya", "Sinop", "Burdur", "Yozgat", "Hatay", "Erzincan", "Düzce", "Kilis",
    "Balıkesir", "Van", "Edirne", "Tunceli", "Karaman", "Bartın", "Siirt", "Aksaray", "Rize",
)  # fmt: skip
_THINGS = (
    "çuval buğday", "kasa domates", "koli defter", "top kumaş", "teneke zeytinyağı", "sandık elma", "kutu ilaç",
    "paket çay", "demet maydanoz", "şişe su", "kilo peynir", "tepsi börek", "kangal sucuk", "bidon süt", "tomar kâğıt",
    "düzine kalem", "balya saman", "kavanoz bal", "metre kablo", "litre boya", "adet fidan", "çift ayakkabı",
)  # fmt: skip
_TIMES = (
    "pazartesi sabahı", "bayramdan önce", "yağmurlu bir günde", "ay sonunda", "öğle arasında", "hafta boyunca",
    "kış gelirken", "düğün günü", "okul açılınca", "gece yarısı", "hasat bitince", "tatil dönüşü", "ramazanda",
)  # fmt: skip
_ACTS = (
    "satın alıyor", "komşusuna veriyor", "depoya kaldırıyor", "pazarda satıyor", "kooperatife teslim ediyor",
    "kamyona yüklüyor", "misafirlerine ayırıyor", "iade ediyor", "kargoyla gönderiyor", "sayıp yazıyor",
)  # fmt: skip
_ENDS = (
    "Elindekilerin toplamı kaç olur: {a} + {b}?",
    "Defterine hangi sayıyı yazar, yani {a} + {b} kaç eder?",
    "Sonunda kaç tane sayar ({a} + {b})?",
    "Hesap doğruysa sonuç kaçtır: {a} + {b}?",
)


class GrowthTeacher:
    """An answering function for `FakeTeacher`. `different` is how many different tasks it knows (0: no end of them);
    what is no growth question goes to `other`."""

    def __init__(self, other: Callable[[Messages], str] = solve, *, different: int = 0) -> None:
        self.other, self.different = other, different

    def __call__(self, messages: Messages) -> str:
        """Tasks as JSON, or the other function's answer."""
        text = messages[-1]["content"]
        form, count = _FORM.search(text), _COUNT.search(text)
        if form is None or count is None:
            return self.other(messages)
        fields = list(json.loads(form[1]))
        topic = next((part for found in _TOPIC.finditer(text) for part in found.groups() if part), "")
        wanted = int(count[1] or count[2])
        labels = [item.strip() for item in json.loads(form[1]).get("label", "").strip("<>").split("|")]
        rows = [self._row(fields, f"{text}\n{number}", topic, labels) for number in range(wanted)]
        return json.dumps({"tasks": rows}, ensure_ascii=False)

    def _row(self, fields: Sequence[str], key: str, topic: str, labels: Sequence[str]) -> dict[str, str]:
        seed = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")
        random = Random(seed % self.different if self.different else seed)
        a, b = random.randrange(3, 900), random.randrange(2, 300)
        task = _task(random, "" if self.different else topic, a, b)
        known = {"answer": str(a + b), "label": labels[(a + b) % len(labels)]}
        return {name: known.get(name, task if place == 0 else _sentence(random)) for place, name in enumerate(fields)}


def _task(random: Random, topic: str, a: int, b: int) -> str:
    """One of some ten milliards of word problems, with a sum that `solve` works out."""
    first, second = random.sample(_THINGS, 2)
    about = f" ({topic})" if topic else ""
    return (
        f"{random.choice(_PLACES)} ilinde yaşayan bir {random.choice(_PEOPLE)} {random.choice(_TIMES)} {a} {first} "
        f"{random.choice(_ACTS)}{about}, {random.choice(_PLACES)} yolundaki bir {random.choice(_PEOPLE)} ise "
        f"{random.choice(_TIMES)} {b} {second} {random.choice(_ACTS)}. {random.choice(_ENDS).format(a=a, b=b)}"
    )


def _sentence(random: Random) -> str:
    return (
        f"{random.choice(_PLACES)} yolundaki {random.choice(_PEOPLE)} {random.choice(_TIMES)} {random.choice(_ACTS)}."
    )
