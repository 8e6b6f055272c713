"""The certificate: one page in two languages, true to the chain, inert whatever stands in it."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from pypdf import PdfReader

from audit_chains import EXTERNAL, decision, write_chain
from imbik.core.errors import RunFolderError, UsageError
from imbik.privacy.anchor import add, head_to_sign, sign
from imbik.privacy.audit import Entry
from imbik.privacy.certificate import certify, html_page, pdf_page
from imbik.privacy.certificate_words import ENGLISH, TURKISH
from imbik.privacy.operator import Operator, read_operator
from imbik.privacy.signing import new_key

MADE = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
DETECTORS = Entry("", "", "", "", "", "", (), "", "detectors", detectors="iban 1, tckn 2")


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """An operator with a contract and a key."""
    public = new_key(tmp_path / "k.pem")
    file = tmp_path / "operator.yaml"
    file.write_text(
        "controller: 'Örnek A.Ş., VERBİS 1234567'\n"
        "external:\n"
        "  - {host: api.example.com, contract: 'Standart sözleşme (05.01.2026)', country: IE, region: eu-west-1,\n"
        "     accepts: internal, accepts_cleaned: confidential}\n"
        "  - {host: llm.yerli.com.tr, contract: 'Veri işleme sözleşmesi', country: TR}\n"
        f"anchors: ['{public}']\n",
        encoding="utf-8",
    )
    return read_operator(file)


def rows(start: int, end: int) -> tuple[str, ...]:
    return tuple(f"r{number}" for number in range(start, end))


@pytest.fixture
def folder(tmp_path: Path, operator: Operator) -> Path:
    """A signed chain with a line of every kind."""
    sha, path = operator.hash, tmp_path / "destek"
    write_chain(
        path,
        DETECTORS,
        decision(rows=rows(0, 1_250), operator=sha),
        decision(rows=rows(2_000, 2_030), level="internal", reason="contract: x", operator=sha, purpose="evaluation"),
        decision(rows=rows(3_000, 3_007), level="confidential", cleaned="pseudonymised", operator=sha),
        decision("blocked", rows=rows(4_000, 4_005), level="special", reason="no", operator=sha),
        decision(place="https://llm.yerli.com.tr:443", rows=rows(0, 40), operator=sha, address="185.1.2.3"),
        decision(place="http://10.0.0.1:8000", rows=rows(0, 3), level="special", reason="local: oda", address="10.0.0"),
        decision(rows=rows(5_000, 5_002), declassified=True, operator=sha),
    )
    add(path, sign(head_to_sign(path, "destek").text(), tmp_path / "k.pem"), operator.anchors)
    return path


def words_of(html: str) -> str:
    """What is read: no tags, one space between words."""
    text = re.sub(r"<style>.*?</style>|<title>.*?</title>|<[^>]+>", " ", html, flags=re.S)
    return " ".join(text.split())


def test_the_turkish_page_says_all_that_is_filed(folder: Path, operator: Operator) -> None:
    page = html_page(certify(folder, "destek", operator, MADE), "tr")
    said = words_of(page)
    for text in (
        "Veri Aktarımı Denetim Belgesi",
        "6698 sayılı Kişisel Verilerin Korunması Kanunu (KVKK) m. 8, m. 9 ve m. 12",
        "8 satırlık zincir bütündür",
        "Kaydın tamamı imzalıdır",
        "Örnek A.Ş., VERBİS 1234567",
        "25.11.2026 09:30:00 UTC",
        "Dayanak: Standart sözleşme (05.01.2026)",
        "Yer: IE, eu-west-1 (yurt dışı, KVKK m. 9)",
        "Yer: TR (yurt içi, KVKK m. 8)",
        "Bağlanılan adres: 93.184.216.34",
        "Amaç: değerlendirme, yanıt üretimi",
        "herkese açık gönderimine izin verildi — 1.252",
        "kurum içi gönderimine izin verildi — 30",
        "gizli gönderimine izin verildi takma adla değiştirildi 7",
        "özel nitelikli (m. 6) alıkonuldu — 5",
        "özel nitelikli (m. 6) işletmecinin kendi uç noktasına iletildi — 3",
        "Alıkonulan satır 5",
        "Hassasiyeti iki yetkilinin kararıyla düşürülen satır 2",
        "iban 1, tckn 2",
        operator.hash,
        "1–8 (toplam 8)",
        "imbik privacy prove destek",
        operator.anchors[0],
    ):
        assert text in said, text
    assert '<html lang="tr">' in page


NOTHING = {
    "tr": "hiçbir satır algılayıcılarla incelenmemiştir; çünkü dışarı gönderilecek satır yoktu",
    "en": "no row was looked at by detectors, because none was to leave",
}


@pytest.mark.parametrize("language", ["tr", "en"])
def test_that_no_row_was_looked_at_because_none_was_to_leave_is_said_only_where_it_is_true(
    tmp_path: Path, language: str
) -> None:
    here = [
        decision(place="in_process", rows=rows(0, 5), level="special", reason="in this process", address=""),
        decision(place="http://10.0.0.1:8000", rows=rows(0, 3), reason="local: oda", address="10.0.0.1"),
    ]
    others = [
        decision("blocked", rows=rows(5, 6), level="confidential", reason="no"),
        decision("stored", rows=rows(5, 6)),
        decision(rows=rows(5, 6)),
    ]
    write_chain(tmp_path / "yerel", *here)
    said = words_of(html_page(certify(tmp_path / "yerel", "yerel", Operator(), MADE), language))
    assert NOTHING[language] in said
    for number, other in enumerate(others):
        folder = tmp_path / f"baska-{number}"
        write_chain(folder, *here, other)
        said = words_of(html_page(certify(folder, folder.name, Operator(), MADE), language))
        assert NOTHING[language] not in said
        assert {"tr": "algılayıcıların incelediği satır yoktur", "en": "names no row that detectors"}[language] in said
    write_chain(tmp_path / "bakilmis", DETECTORS, *here)
    assert "iban 1, tckn 2" in words_of(html_page(certify(tmp_path / "bakilmis", "x", Operator(), MADE), language))


def test_rows_that_had_left_in_an_earlier_batch_stand_apart(tmp_path: Path, operator: Operator) -> None:
    place = "https://llm.yerli.com.tr:443"
    write_chain(
        tmp_path / "x",
        decision(rows=rows(0, 3)),
        decision("collected", rows=rows(0, 5), left="2026-11-23T10:00:00+00:00"),
        decision("collected", rows=rows(5, 6), left="2026-11-24T10:00:00+00:00"),
        decision("collected", place=place, rows=rows(0, 7), left="2026-11-24T10:00:00+00:00"),
        decision("stored", rows=rows(6, 7)),
    )
    made = certify(tmp_path / "x", "x", operator, MADE)
    assert [item.rows for to in made.destinations for item in to.items] == [3, 3, 1, 7]
    assert all(to.external for to in made.destinations)
    turkish, english = (unescape(words_of(html_page(made, language))) for language in ("tr", "en"))
    assert "daha önce, bu çalışma adıyla verilen toplu işlemde gönderilmişti (23.11.2026 – 24.11.2026) — 3" in turkish
    assert "had left before, in a batch handed over under this run's name (2026-11-24) — 7" in english


def test_an_export_stands_on_the_page_as_an_export(tmp_path: Path) -> None:
    hub = "https://huggingface.co:443"
    write_chain(tmp_path / "x", decision(place=hub, rows=("7_export/safetensors",), purpose="push"), decision())
    said = words_of(html_page(certify(tmp_path / "x", "x", Operator(), MADE), "tr"))
    assert "herkese açık gönderimine izin verildi — 1 model dışa aktarımı" in said
    assert "Amaç: model aktarımı" in said


def test_the_english_page(folder: Path, operator: Operator) -> None:
    said = words_of(html_page(certify(folder, "destek", operator, MADE), "en"))
    for text in (
        "Certificate of Data Transfers",
        "its chain of 8 lines is unbroken",
        "public allowed to leave — 1,252",
        "confidential allowed to leave pseudonymised 7",
        "Place: IE, eu-west-1 (abroad, KVKK art. 9)",
        "Purpose: evaluation, generation",
        "Rows held back 5",
        "2026-11-25 09:30:00 UTC",
    ):
        assert text in said, text


def test_both_languages_say_the_same_things() -> None:
    for name in ("levels", "outcomes", "cleaned", "places"):
        assert getattr(TURKISH, name).keys() == getattr(ENGLISH, name).keys()
    for name in ("verified", "partly", "more", "lines_value"):
        fields = [sorted(re.findall(r"{\w+}", getattr(words, name))) for words in (TURKISH, ENGLISH)]
        assert fields[0] == fields[1]


@pytest.mark.parametrize("language", ["tr", "en"])
def test_the_pdf_is_one_page_and_keeps_its_letters(folder: Path, operator: Operator, language: str) -> None:
    reader = PdfReader(io.BytesIO(pdf_page(certify(folder, "destek", operator, MADE), language)))
    assert len(reader.pages) == 1
    width, height = (float(side) / 72 * 25.4 for side in reader.pages[0].mediabox[2:])
    assert (round(width), round(height)) == (210, 297)
    text = " ".join(reader.pages[0].extract_text().split())
    for word in ("Örnek A.Ş., VERBİS 1234567", "Standart sözleşme", "IE, eu-west-1"):
        assert word in text


def test_many_endpoints_stay_on_one_page_and_none_is_hidden(tmp_path: Path, operator: Operator) -> None:
    entries = [
        decision(place=f"https://{'uzun-' * 12}{number}.example.com:443", rows=rows(0, number + 1), operator="0" * 64)
        for number in range(40)
    ]
    write_chain(tmp_path / "c", *entries)
    page = certify(tmp_path / "c", "ç" * 60, operator.model_copy(update={"controller": "Ş" * 900}), MADE)
    reader = PdfReader(io.BytesIO(pdf_page(page, "tr")))
    assert len(reader.pages) == 1
    text = " ".join(reader.pages[0].extract_text().split())
    found = re.search(r"ve (\d+) kalem daha \((\d+) satır\)", text)
    assert found is not None
    shown = len(re.findall(r"gönderimine izin verildi", text))
    assert int(found[1]) + shown == 40
    assert int(found[2]) == sum(range(1, 40 - shown + 1))


HOSTILE = '<script>alert(1)</script><img src="http://evil.example/x.png">{{ 7*7 }}\u202egnp\x07\n'


def test_hostile_names_are_inert_and_nothing_is_fetched(tmp_path: Path, operator: Operator) -> None:
    write_chain(
        tmp_path / "c",
        decision(place=HOSTILE, reason=f"contract: {HOSTILE}", purpose=HOSTILE, address=HOSTILE, level=HOSTILE),
    )
    page = html_page(certify(tmp_path / "c", HOSTILE, operator.model_copy(update={"controller": HOSTILE}), MADE), "tr")
    assert "<script" not in page
    assert "<img" not in page
    assert "{{ 7*7 }}" in page
    assert "\u202e" not in page
    assert "\x07" not in page
    assert not re.search(r'(src|href)="', page)
    assert len(PdfReader(io.BytesIO(pdf_page(certify(tmp_path / "c", "c", operator, MADE), "tr"))).pages) == 1


def test_an_unsigned_and_a_partly_signed_log_say_so(tmp_path: Path, folder: Path, operator: Operator) -> None:
    write_chain(tmp_path / "c", decision())
    assert "Kayıt imzalanmamıştır" in words_of(html_page(certify(tmp_path / "c", "c", operator), "tr"))
    write_chain(folder, decision(rows=("sonra",)))
    said = words_of(html_page(certify(folder, "destek", operator), "tr"))
    assert "Kaydın 8. satıra kadar olan kısmı imzalıdır; sonraki 1 satır imza kapsamında değildir." in said


def test_a_contract_is_not_taken_from_an_operators_file_that_did_not_decide(folder: Path, operator: Operator) -> None:
    other = operator.model_copy(update={"hash": "0" * 64})
    said = words_of(html_page(certify(folder, "destek", other), "tr"))
    assert "Standart sözleşme" not in said
    assert "Dayanak: x" in said
    assert "ülke kaydı yok" in said


def test_a_changed_chain_gets_no_certificate(folder: Path, operator: Operator) -> None:
    path = folder / "audit.jsonl"
    path.write_bytes(path.read_bytes().replace(EXTERNAL.encode(), b"https://api.innocent.co:443", 1))
    with pytest.raises(RunFolderError, match="changed"):
        certify(folder, "destek", operator)


def test_nothing_to_certify_and_no_such_language(tmp_path: Path, folder: Path, operator: Operator) -> None:
    with pytest.raises(RunFolderError, match="nothing to certify"):
        certify(tmp_path / "none", "none", operator)
    with pytest.raises(UsageError, match="tr or en"):
        html_page(certify(folder, "destek", operator), "de")
