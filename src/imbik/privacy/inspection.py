"""Looking into texts before they leave: what the detectors find, remembered, and never waited for without end.

Enters: texts. Leaves: the hits in them, each with its detector, its level and the value in its normal form, so that one
value in two spellings is one hit. A detector that fails, hangs or takes too long raises InspectionError, and whoever
asked holds the row back.
"""

from __future__ import annotations

import asyncio
import queue
import re
import threading
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from imbik.core.errors import OperatorFileError
from imbik.core.types import Sensitivity
from imbik.privacy.sensitivity import inherited

if TYPE_CHECKING:
    from imbik.privacy.detect import Detection, Finding
    from imbik.privacy.operator import Operator

SECONDS = 20.0
_INLINE = 1 << 16  # characters that are looked into at once, on the loop; more go to a thread
_REMEMBERED = 2_048  # texts, so that what was looked into when a question came is not looked into again at the door
_LONGEST = 8_192  # characters of a text that is remembered
_THREADS = 2
_NO_LETTER = re.compile(r"[\W_]+")
_LOWER = str.maketrans({"I": "i", "İ": "i", "ı": "i"})  # one name is written with any of them
# Case endings, possession, plural and -ki behind an apostrophe; `'Brien` is none of them and stays in the value.
_ENDINGS = r"[ns]?[ıiIİuüUÜ]n?(?:[dt]?[ae]n?)?|[ny]?[ae]|n?[dt][ae]n?(?:ki\w{0,6})?|y?l[ae]|l[ae]r\w{0,8}|c[ae]"
_SUFFIX = re.compile(rf"(?<=\w)['’‘ʼ´`＇](?:{_ENDINGS})$", re.IGNORECASE)
_COUNTRY_DIGITS = 10  # of a Turkish phone number, without +90 or 0


class InspectionError(Exception):
    """Nobody can say what the text holds; the message holds no content."""


class Hit(NamedTuple):
    """One finding: by which detector, how private it makes a text, and the value as `normal_value` writes it."""

    detector: str
    level: Sensitivity
    value: str


class Inspector:
    """Detection for one operator's file; used by the gate, on any thread."""

    def __init__(self, operator: Operator, *, seconds: float = SECONDS) -> None:
        self._operator, self._seconds = operator, seconds
        self._slow = bool(operator.detectors.add)  # nobody knows how long other people's detectors take
        self._recent = lru_cache(_REMEMBERED)(self._look)
        self._work: queue.SimpleQueue[tuple[list[str], asyncio.AbstractEventLoop, asyncio.Future[frozenset[Hit]]]]
        self._work = queue.SimpleQueue()
        self._threads = 0
        self._late = 0

    @cached_property
    def _detection(self) -> Detection:
        from imbik.privacy.detect import Detection

        return Detection(self._operator)

    @cached_property
    def versions(self) -> Mapping[str, int]:
        """The detectors that look, with their versions."""
        return dict(self._detection.versions)

    def findings(self, text: str) -> list[Finding]:
        """What is found in one text, with its place.

        Raises: InspectionError whatever goes wrong; OperatorFileError where the file names no detector there is.
        """
        try:
            return self._detection.find(text)
        except OperatorFileError:  # it names a detector that there is not; that holds no content
            raise
        except Exception as error:
            raise InspectionError(f"a detector failed ({type(error).__name__})") from error

    def look(self, texts: Iterable[str]) -> frozenset[Hit]:
        """All hits in the texts.

        Raises: InspectionError.
        """
        hits: set[Hit] = set()
        for text in dict.fromkeys(texts):
            hits |= self._recent(text) if len(text) <= _LONGEST else self._look(text)
        return frozenset(hits)

    async def watch(self, texts: list[str]) -> frozenset[Hit]:
        """The same from a coroutine, without stopping the loop for long texts or slow detectors.

        Raises: InspectionError; also where it takes too long.
        """
        if not self._slow and sum(map(len, texts)) <= _INLINE:
            return self.look(texts)
        if self._late >= _THREADS:
            raise InspectionError("the detectors do not come to an end")
        loop = asyncio.get_running_loop()
        found: asyncio.Future[frozenset[Hit]] = loop.create_future()
        self._work.put((texts, loop, found))
        if self._threads < _THREADS:
            self._threads += 1
            threading.Thread(target=self._serve, name="imbik-detectors", daemon=True).start()
        try:
            async with asyncio.timeout(self._seconds):
                return await found
        except TimeoutError:
            self._late += 1
            raise InspectionError(f"the detectors took longer than {self._seconds:g} s") from None

    def detectors(self, hits: Iterable[Hit]) -> tuple[str, ...]:
        """Names and versions of the detectors behind the hits: `tckn@1`."""
        return tuple(f"{name}@{self.versions.get(name, 0)}" for name in sorted({hit.detector for hit in hits}))

    def _look(self, text: str) -> frozenset[Hit]:
        return frozenset(
            Hit(item.detector, item.level, normal_value(item.detector, text[item.start : item.end]))
            for item in self.findings(text)
        )

    def _serve(self) -> None:
        """A thread that looks; a daemon, so that one which hangs holds nobody up at the end."""
        while True:
            texts, loop, found = self._work.get()
            result: frozenset[Hit] | Exception
            try:
                result = self.look(texts)
            except Exception as error:
                result = error
            try:
                loop.call_soon_threadsafe(_settle, found, result)
            except RuntimeError:  # the loop was closed: nobody waits there any more
                return


def level_of(hits: Iterable[Hit]) -> Sensitivity:
    """The highest level of the hits; public where there is none."""
    return inherited(Sensitivity.PUBLIC, *(hit.level for hit in hits))


def bare_value(text: str) -> str:
    """A found value without the Turkish suffix that an apostrophe parts from it."""
    return _SUFFIX.sub("", text)


def normal_value(detector: str, text: str) -> str:
    """A found value in one form: without separators, case, width, kinds of digits, and what cannot be seen."""
    plain = unicodedata.normalize("NFKC", bare_value(text)).translate(_LOWER).casefold()
    digits = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in plain)
    bare = _NO_LETTER.sub("", "".join(char for char in digits if unicodedata.category(char) not in {"Cf", "Mn"}))
    return bare[-_COUNTRY_DIGITS:] if detector == "phone" and bare.isdecimal() else bare


def _settle(found: asyncio.Future[frozenset[Hit]], result: frozenset[Hit] | Exception) -> None:
    if found.done():
        return
    if isinstance(result, Exception):
        found.set_exception(result)
    else:
        found.set_result(result)
