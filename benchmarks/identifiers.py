"""Claim: checksummed identifiers are found in at least 99.5% of cases in each of 19 disguises, with at most one false
alarm in 1,000 Turkish sentences, at 40,000 documents or more per CPU second.

A full name with a title that a person has read in its real sentence (TRUE_MENTIONS) is no false alarm: counts are
printed with and without those, and the bar is for the latter. Any other finding counts, names too.

Recall: made-up TCKN, VKN, IBAN and card numbers (their checks worked out by the maker, not by the detectors), each in
every disguise, in sentences with and without a word that names them (a tax number always has its word: one in ten of
all ten-digit numbers passes its check). False alarms: real sentences (--data, one a line), each finding printed in full
to be read by a person, and a numbers-heavy text made here (prices, order numbers, dates, measures, codes). Throughput:
600-character documents, one in ten with a disguised identifier, one process, normalisation included; the floor is one
`re` search a detector without checksums or normalisation, and presidio's own patterns where it is installed.

Positive control, in the same run: every real sentence once more with an identifier planted, which must be found; and
every made number with one digit changed, which must not.

    python benchmarks/identifiers.py --data ../shared/data/turkish_text/boun_sentences.txt
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from imbik.privacy.detect import Detection
from imbik.privacy.operator import Operator
from imbik.testing.identifiers import DISGUISES, MAKERS, vkn

RECALL, ALARMS, SPEED = 0.995, 1.0, 40_000
LENGTH, SHARE = 600, 10
TRUE_MENTIONS = {"Hiroyasu İso", "Mehmed Ali Ayni", "Mehmet Ali İrtemçelik"}  # Prof., Bey, Sayın; read by a person
CARRIERS = {
    "tckn": ["TC kimlik numaram {}", "Kayıt için {} yeterli mi?", "{}", "Ödeme yapan kişi ({}) 250 TL gönderdi."],
    "vkn": ["Vergi no: {}", "VKN {} olan firma", "Vergi kimlik numaramız {} şeklindedir.", "{} vergi numaralı şirket"],
    "iban": ["Parayı {} hesabına yollayın.", "IBAN: {}", "{}", "Hesabım {}, 12.03.2024'te açıldı."],
    "card": ["Kartım {} ile ödedim.", "{}", "Kredi kartı numarası {}", "Ödeme {} üzerinden 3 taksit yapıldı."],
}
HEAVY = [
    "{day}.{month}.{year} tarihinde {a} adet ürün için {price} TL ödendi.",
    "Sipariş no: {n10}, kargo takip no {n12}, tutar {price} TL.",
    "{n11} numaralı siparişiniz {day}/{month}/{year} {hour}:{minute}'de teslim edildi.",
    "Fatura No {n16}, irsaliye no {n10}; KDV %{b}, toplam {price} TL.",
    "Ürün kodu {n13}, barkod 869{n10}, stok {a}.",
    "Nüfus {year} yılında {thousands}, {year2} yılında {thousands2} oldu.",
    "Parsel {a} ada {b}, {c},{b} m², değeri {thousands} lira.",
    "Çağrı merkezimiz 444 {b} {c}, santral 0850 {c} {b} {b}.",
    "Sürüm {b}.{d}.{d}.{d} yayımlandı; yama {n8} numaralı hatayı giderir.",
    "Boyutlar {a} x {b} x {c} mm, ağırlık {a},{b} kg, gerilim {c} V, {d} A.",
    "Maç {d}-{d} bitti; seyirci {thousands}, gelir {thousands2} TL.",
    "{year}-{year2} sezonunda {a} maçta {b} gol attı (ortalama 0,{c}).",
    "Sonuçlar: {a} {b} {c} {d} {a} {b}, toplam {thousands}.",
    "ISBN 978-605-{c}-{b}-{d}, {year}, {a} sayfa.",
    "Kanun no {n4}, madde {d}/{d}, Resmî Gazete {day}.{month}.{year} sayı {n5}.",
    "Dosya no {year}/{n5}, esas {year2}/{c}, karar {year2}/{a}.",
    "IMEI 35{n13}, seri no SN{n8}{b}.",
    "Uçuş TK{n4}, {hour}:{minute} kalkış, {hour}:{minute} varış, kapı {d}{b}.",
    "Enlem 41.{n5}, boylam 28.{n5}; yükseklik {c} m.",
    "Hisse {price} TL'den {price2} TL'ye çıktı, hacim {thousands} lot.",
]


def number(random: Random, digits: int) -> str:
    """Any number of so many digits."""
    return str(random.randint(1, 9)) + "".join(str(random.randint(0, 9)) for _ in range(digits - 1))


def heavy(random: Random) -> str:
    """One sentence full of numbers that identify nobody."""
    values: dict[str, object] = {f"n{size}": number(random, size) for size in (4, 5, 8, 10, 11, 12, 13, 16)}
    thousands = [f"{random.randrange(10**4, 10**10):,}".replace(",", ".") for _ in range(2)]
    prices = [f"{random.randrange(10**6):,},{random.randrange(100):02d}".replace(",", ".", 1) for _ in range(2)]
    values |= {"thousands": thousands[0], "thousands2": thousands[1], "price": prices[0], "price2": prices[1]}
    values |= {"day": f"{random.randint(1, 28):02d}", "month": f"{random.randint(1, 12):02d}"}
    values |= {"year": random.randint(1950, 2026), "year2": random.randint(1950, 2026)}
    values |= {"hour": f"{random.randint(0, 23):02d}", "minute": f"{random.randint(0, 59):02d}"}
    values |= {"a": random.randint(1, 9999), "b": random.randint(10, 99), "c": random.randint(100, 999)}
    return random.choice(HEAVY).format(**values, d=random.randint(0, 9))


def recall(detection: Detection, random: Random, each: int) -> float:
    """Print what is found of each kind in each disguise; returns the lowest share. A wrong digit must not be found."""
    print(f"recall of {each} numbers in each cell (bar {RECALL:.1%}):")
    print(f"  {'':22}" + "".join(f"{kind:>8}" for kind in MAKERS))
    lowest = 1.0
    for name, disguise in DISGUISES.items():
        row = []
        for kind, make in MAKERS.items():
            texts = [random.choice(CARRIERS[kind]).format(disguise(kind, make(random), random)) for _ in range(each)]
            row.append(sum(any(item.detector == kind for item in detection.find(text)) for text in texts) / each)
        print(f"  {name:22}" + "".join(f"{share:8.2%}" for share in row))
        lowest = min(lowest, *row)
    return lowest


def wrong_found(detection: Detection, random: Random, each: int) -> int:
    """How many numbers with their last digit changed are found all the same."""
    count = 0
    for kind, make in MAKERS.items():
        for _ in range(each):
            good = make(random)
            text = CARRIERS[kind][0].format(good[:-1] + str((int(good[-1]) + random.randint(1, 9)) % 10))
            count += any(item.detector == kind for item in detection.find(text))
    return count


def alarms(detection: Detection, sentences: Sequence[str], title: str, *, show: int) -> float:
    """Sentences with findings that are no true mention, per 1,000; prints them, and the count with true mentions."""
    found = [(text, hits) for text in sentences if (hits := detection.find(text))]
    wrong = [item for item in found if any(item[0][hit.start : hit.end] not in TRUE_MENTIONS for hit in item[1])]
    kinds = Counter(hit.detector for _, hits in found for hit in hits)
    every, per = (1000 * len(some) / len(sentences) for some in (found, wrong))
    print(f"{title}: something found in {len(found)} of {len(sentences)} ({every:.2f} per 1,000) {dict(kinds)}", end="")
    print(f"; without true mentions {len(wrong)} ({per:.2f} per 1,000)")
    for text, hits in found[:show]:
        print("   ", [(item.detector, text[item.start : item.end]) for item in hits], "in:", text[:140])
    return per


def documents(sentences: Sequence[str], random: Random, count: int) -> list[str]:
    """Documents of 600 characters; one in ten holds a disguised identifier."""
    found = []
    for place in range(count):
        parts: list[str] = []
        while sum(map(len, parts)) < LENGTH:
            parts.append(random.choice(sentences))
        text = " ".join(parts)[:LENGTH]
        if place % SHARE == 0:
            kind = random.choice(list(MAKERS))
            hidden = random.choice(list(DISGUISES.values()))(kind, MAKERS[kind](random), random)
            planted = random.choice(CARRIERS[kind]).format(hidden)
            at = text.find(" ", random.randint(0, LENGTH - len(planted) - 40))
            text = f"{text[:at]} {planted} {text[at:]}"[:LENGTH]
        found.append(text)
    return found


def rate(look: Callable[[str], object], texts: Sequence[str], seconds: float) -> float:
    """Documents per CPU second of this process."""
    for text in texts[:200]:
        look(text)
    done, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        for text in texts:
            look(text)
        done += len(texts)
    return done / (time.process_time() - start)


FLOOR = [
    re.compile(pattern)
    for pattern in (
        r"\b[1-9]\d{10}\b",
        r"\b\d{10}\b",
        r"\bTR\d{2}(?: ?\d{4}){5} ?\d{2}\b",
        r"\b(?:\d[ -]?){13,16}\b",
        r"(?:\+90|0)? ?\(?5\d{2}\)? ?\d{3} ?\d{2} ?\d{2}",
        r"[\w.+-]+@[\w-]+\.[\w.]+",
        r"\b\d{2} ?[A-Z]{1,3} ?\d{2,5}\b",
        r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
    )
]


def presidio(texts: Sequence[str], seconds: float) -> float | None:
    """The peer's rate with its own pattern recognisers; None where it is not installed."""
    try:
        from presidio_analyzer import predefined_recognizers as known
    except ImportError:
        return None
    names = ("CreditCardRecognizer", "EmailRecognizer", "IbanRecognizer", "IpRecognizer", "PhoneRecognizer")
    peers = [getattr(known, name)() for name in names]

    def look(text: str) -> object:
        return [peer.analyze(text, peer.supported_entities, None) for peer in peers]

    return rate(look, texts[:200], seconds)


def main() -> int:
    """Print the figures; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = os.environ.get("IMBIK_TEST_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(folder) / "turkish_text" / "boun_sentences.txt")
    parser.add_argument("--each", type=int, default=500, help="numbers in each cell of the recall table")
    parser.add_argument("--heavy", type=int, default=20_000, help="numbers-heavy sentences made")
    parser.add_argument("--seconds", type=float, default=5.0, help="CPU seconds of each timing")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    random, detection = Random(wanted.seed), Detection(Operator())
    sentences = [line for line in wanted.data.read_text(encoding="utf-8").splitlines() if line.strip()]

    lowest = recall(detection, random, wanted.each)
    wrong = wrong_found(detection, random, wanted.each)
    print(f"with a wrong last digit: {wrong} of {4 * wanted.each} found")
    real = alarms(detection, sentences, "real sentences", show=50)
    planted = [f"{text} VKN {vkn(random)}" for text in sentences]
    caught = sum(any(item.detector == "vkn" for item in detection.find(text)) for text in planted)
    print(f"positive control: {caught} of {len(planted)} planted in the same sentences are found")
    made = alarms(detection, [heavy(random) for _ in range(wanted.heavy)], "numbers-heavy sentences", show=20)

    texts = documents(sentences, random, 5000)
    ours = rate(detection.find, texts, wanted.seconds)
    floor = rate(lambda text: [pattern.search(text) for pattern in FLOOR], texts, wanted.seconds)
    peer = presidio(texts, wanted.seconds)
    print(f"documents per CPU second: {ours:,.0f} (bar {SPEED:,}); plain re without checks {floor:,.0f}", end="")
    print(f"; presidio {peer:,.0f}: ours is {ours / peer:.0f}x" if peer else "; presidio is not installed")

    met = {
        f"lowest recall {lowest:.2%} (bar {RECALL:.1%})": lowest >= RECALL,
        f"false alarms in real sentences {real:.2f} per 1,000 (bar {ALARMS}; true mentions apart)": real <= ALARMS,
        f"false alarms in numbers-heavy text {made:.2f} per 1,000 (bar {ALARMS})": made <= ALARMS,
        f"throughput {ours / SPEED:.2f}x the bar": ours >= SPEED,
        f"positive control {caught / len(planted):.2%}, wrong digits found {wrong}": caught == len(planted)
        and not wrong,
    }
    for line, good in met.items():
        print("met   " if good else "MISSED", line)
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
