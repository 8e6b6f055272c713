"""The certificate's words in Turkish and English, as a data-protection officer files them.

Enters: nothing. Leaves: a Words for each language. Terms follow the Turkish Personal Data Protection Law no. 6698
(KVKK): art. 6 special categories, art. 8 and 9 transfers within and out of the country, art. 12 security.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Every text of the page; names in braces are filled in."""

    title: str
    law: str
    verified: str
    signed: str
    partly: str
    unsigned: str
    controller: str
    no_controller: str
    run: str
    period: str
    no_lines: str
    made: str
    summary: str
    transfers: str
    columns: tuple[str, ...]
    more: str
    none: str
    contract: str
    no_contract: str
    attestation: str
    country: str
    at_home: str
    abroad: str
    no_country: str
    addresses: str
    purposes: str
    held: str
    declassified: str
    detectors: str
    no_detectors: str
    nothing_to_leave: str
    exports: str
    operator: str
    no_operator: str
    head: str
    lines: str
    lines_value: str
    hash: str
    signature: str
    key: str
    signed_at: str
    not_signed: str
    check: str
    not_guaranteed_title: str
    not_guaranteed: str
    drawn_up: str
    levels: dict[str, str]
    outcomes: dict[str, str]
    cleaned: dict[str, str]
    purpose_names: dict[str, str]
    places: dict[str, str]


TURKISH = Words(
    title="Veri Aktarımı Denetim Belgesi",
    law="6698 sayılı Kişisel Verilerin Korunması Kanunu (KVKK) m. 8, m. 9 ve m. 12 kapsamında düzenlenmiştir",
    verified="Denetim kaydı doğrulanmıştır: {lines} satırlık zincir bütündür.",
    signed="Kaydın tamamı imzalıdır.",
    partly="Kaydın {until}. satıra kadar olan kısmı imzalıdır; sonraki {after} satır imza kapsamında değildir.",
    unsigned="Kayıt imzalanmamıştır; dosya sahibinin sonradan yapacağı değişikliklere karşı ispat gücü sınırlıdır.",
    controller="Veri sorumlusu",
    no_controller="işletmeci dosyasında belirtilmemiştir",
    run="Çalışma",
    period="Dönem",
    no_lines="kayıt yok",
    made="Düzenlenme zamanı",
    summary="Özet",
    transfers="Uç noktalara göre satır sayıları",
    columns=("Uç nokta", "Hassasiyet", "İşlem", "Temizleme", "Satır"),
    more="ve {count} kalem daha ({rows} satır); tamamı için: imbik privacy breach",
    none="Hiçbir uç noktaya soru yöneltilmemiştir; veri aktarımı yapılmamıştır.",
    contract="Dayanak",
    no_contract="sözleşme kaydı yok",
    attestation="İşletmecinin beyanı",
    country="Yer",
    at_home="yurt içi, KVKK m. 8",
    abroad="yurt dışı, KVKK m. 9",
    no_country="ülke kaydı yok",
    addresses="Bağlanılan adres",
    purposes="Amaç",
    held="Alıkonulan satır",
    declassified="Hassasiyeti iki yetkilinin kararıyla düşürülen satır",
    detectors="Kişisel veri algılayıcıları ve sürümleri",
    no_detectors="kayıtta algılayıcıların incelediği satır yoktur",
    nothing_to_leave="hiçbir satır algılayıcılarla incelenmemiştir; çünkü dışarı gönderilecek satır yoktu: tamamı bu "
    "makinede ya da işletmecinin kendi uç noktasında işlenmiştir",
    exports="model dışa aktarımı",
    operator="İşletmeci dosyasının SHA-256 özeti",
    no_operator="işletmeci dosyası kullanılmamıştır (yalnızca herkese açık satırlar gönderilebilir)",
    head="İmzalı zincir başı",
    lines="İmza kapsamındaki satırlar",
    lines_value="1–{until} (toplam {lines})",
    hash="Son satırın SHA-256 özeti",
    signature="İmza (Ed25519)",
    key="Anahtarın parmak izi",
    signed_at="İmza zamanı",
    not_signed="imzalanmamıştır",
    check="Doğrulama komutları",
    not_guaranteed_title="Kapsam dışı",
    not_guaranteed="Bu belge yalnızca imbik aracılığıyla yapılan gönderimleri gösterir; başka yazılımlarla yapılan "
    "aktarımları, alıcının veriyi nasıl işlediğini ve imzadan sonra eklenen satırların dosya sahibince "
    "değiştirilmediğini kanıtlamaz. Hassasiyet dereceleri veri sorumlusunun beyanına ve algılayıcıların bulgularına "
    "dayanır. Bir satır birden çok kez gönderilmişse her kalemde bir kez sayılır.",
    drawn_up="Düzenleyen (ad, unvan, imza)",
    levels={
        "public": "herkese açık",
        "internal": "kurum içi",
        "confidential": "gizli",
        "special": "özel nitelikli (m. 6)",
    },
    outcomes={
        "left": "gönderimine izin verildi",
        "collected": "daha önce, bu çalışma adıyla verilen toplu işlemde gönderilmişti",
        "local": "işletmecinin kendi uç noktasına iletildi",
        "here": "bu makinede işlendi",
        "blocked": "alıkonuldu",
        "stored": "önceki yanıttan karşılandı, gönderilmedi",
    },
    cleaned={
        "": "—",
        "pseudonymised": "takma adla değiştirildi",
        "redacted": "karartıldı",
        "unaltered": "değişmedi (tanımlayıcı bulunmadı)",
    },
    purpose_names={
        "generation": "yanıt üretimi",
        "evaluation": "değerlendirme",
        "chat": "sohbet",
        "growth": "görev çoğaltma",
        "judge": "hakem değerlendirmesi",
        "audition": "öğretmen model seçimi",
        "pilot": "ön deneme",
        "push": "model aktarımı",
    },
    places={
        "in_process": "Bu makinedeki model",
        "recorded": "Kayıtlı yanıtlar",
        "folder": "Bu makinedeki klasör",
    },
)

ENGLISH = Words(
    title="Certificate of Data Transfers",
    law="Drawn up under the Turkish Personal Data Protection Law no. 6698 (KVKK), articles 8, 9 and 12",
    verified="The audit log was verified: its chain of {lines} lines is unbroken.",
    signed="The whole log is signed.",
    partly="The log is signed until line {until}; the {after} lines after it are not covered by a signature.",
    unsigned="The log is not signed, so against later changes by the owner of the files it proves little.",
    controller="Data controller",
    no_controller="not stated in the operator's file",
    run="Run",
    period="Period",
    no_lines="no lines",
    made="Drawn up on",
    summary="Summary",
    transfers="Rows by endpoint",
    columns=("Endpoint", "Sensitivity", "Decision", "Cleaning", "Rows"),
    more="and {count} more items ({rows} rows); for all of them: imbik privacy breach",
    none="No endpoint was asked anything; no data were transferred.",
    contract="Legal basis",
    no_contract="no contract on record",
    attestation="Operator's attestation",
    country="Place",
    at_home="within Türkiye, KVKK art. 8",
    abroad="abroad, KVKK art. 9",
    no_country="country not on record",
    addresses="Address connected to",
    purposes="Purpose",
    held="Rows held back",
    declassified="Rows whose sensitivity two people lowered",
    detectors="Detectors of personal data, with versions",
    no_detectors="the log names no row that detectors looked at",
    nothing_to_leave="no row was looked at by detectors, because none was to leave: all were handled on this machine "
    "or at the operator's own endpoint",
    exports="export of the student",
    operator="SHA-256 of the operator's file",
    no_operator="no operator's file was used (only public rows may be sent)",
    head="Signed head of the chain",
    lines="Lines covered",
    lines_value="1–{until} (of {lines})",
    hash="SHA-256 of the last of them",
    signature="Signature (Ed25519)",
    key="Fingerprint of the key",
    signed_at="Signed on",
    not_signed="not signed",
    check="Commands that check this",
    not_guaranteed_title="Not covered",
    not_guaranteed="This certificate shows only what was sent through imbik; it does not prove what other programs "
    "sent, what the recipient does with the data, or that lines added after the signature were not changed by the "
    "owner of the files. Levels of sensitivity rest on the controller's word and on what the detectors find. A row "
    "sent several times counts once in each item.",
    drawn_up="Drawn up by (name, title, signature)",
    levels={
        "public": "public",
        "internal": "internal",
        "confidential": "confidential",
        "special": "special (art. 6)",
    },
    outcomes={
        "left": "allowed to leave",
        "collected": "had left before, in a batch handed over under this run's name",
        "local": "sent to the operator's own endpoint",
        "here": "processed on this machine",
        "blocked": "held back",
        "stored": "answered from the store, not sent",
    },
    cleaned={
        "": "—",
        "pseudonymised": "pseudonymised",
        "redacted": "redacted",
        "unaltered": "unaltered (no identifier found)",
    },
    purpose_names={"push": "handing over the student"},
    places={
        "in_process": "Model on this machine",
        "recorded": "Recorded answers",
        "folder": "Folder of this machine",
    },
)

WORDS = {"tr": TURKISH, "en": ENGLISH}
