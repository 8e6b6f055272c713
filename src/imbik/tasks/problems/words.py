"""Names and things of the problems: for training, and reserved for the held-out set A.

No word of `RESERVED` ever occurs in a training text. Each thing stands in a group that says what a person
can do with it, so that no problem shares out umbrellas or packs candles by the crate of eggs.
"""

from __future__ import annotations

from imbik.tasks.problems.turkish import Name, Noun

NAMES = tuple(
    map(
        Name,
        (
            "Ayşe Murat Ahmet Elif Mehmet Zeynep Ali Fatma Emre Can Deniz Burak Selin Kerem Merve Okan Defne Yusuf "
            "Hande Tolga Gül Umut Esra Cem Nazlı Barış Derya Onur Sude Koray Melis Hakan Pınar Serkan Tuğçe Volkan "
            "Yeliz Arda İpek Oğuz Ceren Kadir Songül Rıza Bülent Nur Halil Aslı Kaan Sevgi Lale Levent Nihal Şule"
        ).split(),
    )
)

RESERVED_NAMES = tuple(
    map(Name, ("Ege Ufuk Meltem Taner Buse Sinan Gizem Alper Leyla Rana Doruk Yasemin Kemal Simge Orhan Nalan").split())
)

THINGS: dict[str, tuple[Noun, ...]] = {
    group: tuple(map(Noun, words.split()))
    for group, words in {
        "owned": "bilye kalem kitap kart boncuk balon pul düğme şeker ceviz kurabiye fındık oyuncak rozet top "
        "çıkartma lokum",
        "sold": "defter kalem silgi simit ekmek dergi çorap tabak bardak kaşık mum çikolata poğaça fırça kek cips",
        "worn": "çanta şapka kazak kitap oyuncak atkı gömlek eldiven pantolon şemsiye terlik kemer",
        "grown": "elma portakal yumurta limon domates armut şeftali ayva soğan biber havuç nektarin",
        "bulk": "un pirinç bulgur mercimek buğday nişasta",
    }.items()
}

RESERVED_THINGS: dict[str, tuple[Noun, ...]] = {
    group: tuple(map(Noun, words.split()))
    for group, words in {
        "owned": "misket sakız badem kestane fener",
        "sold": "cetvel havlu börek peçete tarak",
        "worn": "bere yelek cüzdan matara ceket",
        "grown": "mandalina salatalık patates nar kivi",
        "bulk": "nohut arpa",
    }.items()
}
