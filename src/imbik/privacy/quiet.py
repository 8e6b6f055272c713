"""What a server says when it refuses, without the words of the row that it was asked about.

Enters: a server's message, and the texts of the question. Leaves: the message with every word and number that the
question holds too replaced by `…`, so that an error, a progress line or a log that repeats it repeats no row. Words of
the trade (model, tokens, maximum …) stay: they name no person, and a message without them helps nobody.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

_STATUS = re.compile(r"^HTTP \d{3}\b:? ?")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\([nrt\"'\\/])")
_TOKEN = re.compile(r"\w+|[^\w]+")
_FILLED = re.compile(r"…(?:[^\w…]*…)+")
_SHORTEST = 3  # letters or digits of a word that could tell anything
_LOWER = str.maketrans({"I": "i", "İ": "i", "ı": "i"})
_TRADE = frozenset(  # words of providers' messages and of our own reasons
    """a an and api are as at be because but by can cannot code content context could did do does error errors exceed
    exceeded exceeds exist exists expected failed field for found from has have header http https id in input instead
    internal invalid is it its json key length less limit limits long many max maximum message messages minute model
    models more must no not of on one only or organization output overloaded parameter parse per please policy prompt
    provided quota rate reached reduce refused request requested requests required response retry role schema second
    seconds server service slow status stop support supported temperature text than that the this time timeout to token
    tokens too try type unable unauthorized unavailable unknown unsupported up url use used user valid value values
    version was were when with without you your
    answer answering before called choices declined empty ended filter followed holds inside limit model's never
    object provider provider's read reasoning redirects reply reports tool
    batch batches custom_id done duplicate each enqueued file files its line lines own queue queued reason row rows such
    token_limit_exceeded given day refused incorrect missing permission denied account credit balance enough
    insufficient expired cancelled wrong""".split()
)


def without_words_of(message: str, texts: Iterable[str]) -> str:
    """The message without what it shares with the texts; a status in front of it stays."""
    status = _STATUS.match(message)
    head = status[0] if status else ""
    rest = _read(message[len(head) :])
    known = _folded("\n".join(texts))
    if not rest or not known:
        return message
    told = "".join("…" if _shared(token, known) else token for token in _TOKEN.findall(rest))
    return head + _FILLED.sub("…", told)


def words_of_the_trade(message: str) -> str:
    """The message without all that could be a row's, where the row's words are not at hand: only words of providers'
    messages stay."""
    return without_words_of(message, (message,))


def _shared(token: str, known: str) -> bool:
    word = _folded(token)
    return len(word) >= _SHORTEST and word not in _TRADE and word in known


def _read(text: str) -> str:
    """The message as a reader sees it: without the escapes of JSON, HTML and URLs."""
    plain = _ESCAPED.sub(lambda found: _character(found[1] or found[2]) if found[1] or found[2] else " ", text)
    return unicodedata.normalize("NFC", unquote(html.unescape(plain)))


def _character(digits: str) -> str:
    number = int(digits, 16)
    return "" if 0xD800 <= number < 0xE000 else chr(number)  # half a character is none


def _folded(text: str) -> str:
    """Letters and digits without case, width, marks and what cannot be seen; everything else is one space."""
    plain = unicodedata.normalize("NFKD", text.translate(_LOWER)).casefold()
    seen = (char for char in plain if unicodedata.category(char) not in {"Mn", "Cf"})
    return re.sub(r"\W+", " ", "".join(seen)).strip()
