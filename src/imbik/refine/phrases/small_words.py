"""Small words of Turkish, English, Slovenian and Hungarian: those that stand in nearly every sentence of a language.

Enters: nothing. Leaves: by language its words in lower case. A word that two of the four share stands in neither, so
that each is a sign of one language alone.
"""

from __future__ import annotations

from collections import Counter

_LISTED = {
    "tr": "ve bir bu için ile kaç ne mi mı mu mü değil var yok çok da de nasıl neden niçin hangi kadar gibi ama fakat "
    "ancak daha olarak oldu olur olan olduğu olduğunu olduğuna sonra önce her tüm bütün biz siz onlar ben sen o şu "
    "şöyle böyle öyle ise eğer çünkü yani hem ya veya yalnızca sadece en iki üç dört beş altı yedi sekiz dokuz on yüz "
    "bin toplam toplamda tane adet lira eder yapar kalır kaldı vardır yoktur şimdi gün saat yıl ay hafta kişi para "
    "birlikte göre karşı doğru içinde üzerinde arasında sonunda başına bunun buna bunu bundan şey zaman ilk son aynı "
    "başka hiç bazı birçok nedeniyle tarafından olmak etmek gerekir gelir verir alır fazla eksik kalan toplarız "
    "buluruz hesaplayalım cevap sonuç adım yanıt denir sayılır idi imiş dedi diye biri hep henüz artık bile üzere",
    "en": "the and is of to in how what it for do can you are was were be been being with that this these those from "
    "has have had will would should could than then there their they he she we his her its our your my at by on or as "
    "an if so not but all each more total per one two three four five six seven eight nine ten first second now after "
    "before when which who where while into out up down over also only no any some much many because since therefore "
    "step answer means gives makes left spent number every day week year hours times half cost costs money",
    "sl": "je na se da za ne ki kako ali so pa sem bi po od do pri kot tudi ker če bo smo ste ni niso bil bila bilo "
    "bili ima imajo imamo iz ob med pred nad pod brez torej zato vendar samo še že več manj vsak vsako vse vsi to ta "
    "te ti tem temu tega teh kar kdo kje kdaj koliko skupaj dva tri štiri pet šest sedem osem devet deset leto let dan "
    "ura minut korak odgovor nato potem najprej zdaj oziroma lahko mora moramo namreč njegov njena njihov ga jih jo mu "
    "nam vam njim s z v k",
    "hu": "az és hogy nem van egy meg ez de ha csak is már mint még vagy volt lesz lett mert ezért tehát akkor így azt "
    "ezt ami aki amely hány mennyi mi ki hol mikor miért minden több kevesebb után előtt között alatt mellett szerint "
    "össze összesen két kettő három négy öt hat hét nyolc kilenc tíz száz ezer év nap óra perc lépés válasz először "
    "majd most pedig azonban illetve lehet kell tud fog nincs sem neki ő ők mi ti te én ennek annak ebben abban ezek "
    "azok el fel le ki be rá",
}
_COUNT = Counter(word for words in _LISTED.values() for word in set(words.split()))

SMALL_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(word for word in words.split() if _COUNT[word] == 1 and len(word) > 1)
    for language, words in _LISTED.items()
}
OTHERS: dict[str, frozenset[str]] = {
    language: frozenset().union(*(words for other, words in SMALL_WORDS.items() if other != language))
    for language in SMALL_WORDS
}
"""By language the small words of the others."""
