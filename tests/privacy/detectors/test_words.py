"""Detectors that go by form and by the words beside: what they find, and what looks alike and is none."""

from __future__ import annotations

import unicodedata

import pytest

from imbik.privacy.detect import Detection
from imbik.privacy.operator import Operator

DETECTION = Detection(Operator())


def found(text: str) -> list[tuple[str, str]]:
    """Detector and what it points at."""
    return [(item.detector, text[item.start : item.end]) for item in DETECTION.find(text)]


@pytest.mark.parametrize(
    ("detector", "text", "part"),
    [
        ("phone", "+90 532 123 45 67'yi ara", "+90 532 123 45 67"),
        ("phone", "0(532) 123 45 67", "0(532) 123 45 67"),
        ("phone", "(0532) 123 45 67", "(0532) 123 45 67"),
        ("phone", "05321234567 no'lu", "05321234567"),
        ("phone", "numaram 5321234567", "5321234567"),
        ("phone", "0532-123-45-67", "0532-123-45-67"),
        ("phone", "0532.123.45.67", "0532.123.45.67"),
        ("phone", "00905321234567", "00905321234567"),
        ("phone", "０５３２ １２３ ４５ ６７", "０５３２ １２３ ４５ ６７"),
        ("phone", "tel: 212 555 44 33", "212 555 44 33"),
        ("phone", "0 212 555 44 33", "0 212 555 44 33"),
        ("phone", "+49 1512 3456789", "+49 1512 3456789"),
        ("plate", "34 ABC 123 plakalı", "34 ABC 123"),
        ("plate", "06A1234", "06A1234"),
        ("plate", "aracın plakası 34abc123", "34abc123"),
        ("plate", "35-TM-4567'yi çektiler", "35-TM-4567"),
        ("passport", "Pasaport no: A1234567", "A1234567"),
        ("passport", "U12345678", "U12345678"),
        ("passport", "PASSPORT C01X00T47 / 123456789", "123456789"),
        ("sgk", "SGK sicil no: 1234567", "1234567"),
        ("sgk", "Bağ-Kur numarası 1234567890", "1234567890"),
        ("sgk", "SGK No 2 1234 01 01 1234567 034 01 34", "2 1234 01 01 1234567 034 01 34"),
        ("ip", "85.105.12.3 adresinden", "85.105.12.3"),
        ("ip", "IP: 10.0.0.7", "10.0.0.7"),
        ("ip", "2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"),
        ("birth_date", "Doğum Tarihi: 12.03.1985", "12.03.1985"),
        ("birth_date", "DOĞUM TARİHİ 12/03/1985", "12/03/1985"),
        ("birth_date", "12 Mart 1985 doğumlu", "12 Mart 1985"),
        ("birth_date", "12 Mart 1985'te doğdu", "12 Mart 1985"),
        ("birth_date", "D.T.: 1985-03-12", "1985-03-12"),
        ("birth_date", "date of birth: March 12, 1985", "March 12, 1985"),
        ("email", "ali@ornek.com.tr'ye", "ali@ornek.com.tr"),
        ("email", "ali＠ornek．com", "ali＠ornek．com"),
        ("email", "ali [at] ornek [nokta] com", "ali [at] ornek [nokta] com"),
        ("email", "şükrü.çelik@örnek.com", "şükrü.çelik@örnek.com"),
        ("name", "Sayın Ahmet Yılmaz'a", "Ahmet Yılmaz"),
        ("name", "SAYIN MEHMET ÇELİK", "MEHMET ÇELİK"),
        ("name", "Prof. Dr. İlber Ortaylı", "İlber Ortaylı"),
        ("name", "Av. A. Kaya", "A. Kaya"),
        ("name", "Ahmet Kaya Bey'in", "Ahmet Kaya"),
        ("name", "Dün Ayşe Kaya Hanım geldi", "Ayşe Kaya"),
        ("name", "Sayın Yılmaz,", "Yılmaz"),
        ("name", "Sayın Ayşe\nYılmaz, borcunuz", "Ayşe\nYılmaz"),
        ("name", "Sayın\r\nMehmet Öztürk", "Mehmet Öztürk"),
        ("name", "Sayin Ayse Yilmaz borcunuz", "Ayse Yilmaz"),
        ("name", "sayın ali veli'ye", "ali veli"),
        ("name", "müşterimiz Ayşe Hanım aradı", "Ayşe"),
        ("name", "müşterimiz Sn.Ayşe  Hanım aradı", "Ayşe"),
        ("name", "Beyaz  ve   Ahmet  Kaya  Hanım", "Ahmet  Kaya"),
        ("name", "Ahmet Bey ve Mehmet Can Bey geldi", "Mehmet Can"),
        ("name", "Dr. Can Bey Sn. Ayşe Kaya", "Ayşe Kaya"),
        ("name", "Bayan Elif Şahin", "Elif Şahin"),
    ],
)
def test_found(detector: str, text: str, part: str) -> None:
    assert found(text) == [(detector, part)]
    apart = unicodedata.normalize("NFD", text)
    assert [(name, unicodedata.normalize("NFC", item)) for name, item in found(apart)] == [
        (detector, unicodedata.normalize("NFC", part))
    ]


@pytest.mark.parametrize(
    "text",
    [
        "444 0 123",
        "0850 222 12 34",
        "54000 - 21861 = 32139",
        "10+50+15+45+20+40=180",
        "5321234567 TL",
        "Fatura no: 5321234567",
        "20 TL 1000",
        "10 KM 200",
        "12 EYL 1980",
        "ürün kodu S12345678",
        "sürüm 10.2.3.14",
        "madde 3.1.2.4",
        "nüfus 9.121.112.239",
        "127.0.0.1",
        "255.255.255.0",
        "saat 12:30:45",
        "std::vector",
        "toplantı 12.03.2024 14:30",
        "1985 doğumlu",
        "@ali",
        "fiyat 3 @ 5",
        "Sayın Başkan",
        "Sayın Milli Eğitim Bakanı",
        "Sayın Müşterimiz,",
        "sayın hakimim size",
        "sayın abonemiz ve",
        "Ayşe Hanım 5 elma aldı.",
        "Dün Ahmet Bey geldi.",
        "Hoş Erdal Bey de üzgündü.",
        "Dr. Öğr. Üyesi",
        "M&Ms. If Carter picks",
    ],
)
def test_not_found(text: str) -> None:
    assert found(text) == []


def test_the_shipped_problems_hold_nothing() -> None:
    from imbik.core.plugins import PluginBlock, make

    source = make("tasks/sources", PluginBlock(use="embedded"))
    rows = [row for row, _ in zip(source.rows(None, ""), range(400), strict=False)]
    texts = [str(value) for row in rows for value in row.values.values()]
    assert len(texts) >= 800
    assert [text for text in texts if DETECTION.find(text)] == []
