"""Documents as passages: a folder of text, Markdown, HTML and PDF, cut where paragraphs end.

Enters: a folder. Leaves: passages of about so many words, each with its file (relative to the folder), its number in
it, and the subfolder as category; a note for each file that could not be read. Texts of any encoding that `tasks.text`
knows; of HTML what a reader sees; of PDF the text that pypdf finds (a scan has none, and that is said).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from imbik.core.errors import InputError, MissingExtraError
from imbik.tasks.normal import squeeze
from imbik.tasks.text import recognise

SUFFIXES = (".txt", ".md", ".markdown", ".html", ".htm", ".pdf")
_HIDDEN = {"script", "style", "head", "nav", "template", "noscript"}
_BLOCKS = {
    "p",
    "div",
    "br",
    "li",
    "tr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "section",
    "article",
    "table",
    "blockquote",
}
_SENTENCE = re.compile(r"(?<=[.!?…])\s+(?=[^\W\d_a-zçğıöşü])")
_FEWEST = 20  # words below which a passage holds nothing to ask about


@dataclass(frozen=True)
class Passage:
    """A piece of a document; `number` counts from 1 within it."""

    file: str
    number: int
    category: str
    text: str


def document_files(folder: Path) -> list[Path]:
    """The files of a folder that can be read, in a stable order."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in SUFFIXES)


def passages(folder: Path, words: int, notes: list[str], fewest: int = _FEWEST) -> list[Passage]:
    """All passages of a folder; `fewest`: words below which a piece is left out.

    Raises: InputError where there is none.
    """
    found: list[Passage] = []
    for path in document_files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            pieces = list(_pieces(_paragraphs(path), words, fewest))
        except (InputError, OSError, ValueError) as error:
            notes.append(f"{name} was not read: {str(error).splitlines()[0]:.120}")
            continue
        if not pieces:
            notes.append(f"{name} holds no text to ask about (a scanned PDF has none: recognise its text first)")
        category = path.relative_to(folder).parent.as_posix()
        for number, text in enumerate(pieces, start=1):
            found.append(Passage(name, number, "" if category == "." else category, text))
    if not found:
        raise InputError(
            f"there is nothing to ask about: no {', '.join(SUFFIXES)} with text"
            + (f"; the first: {notes[0]}" if notes else ""),
            where=str(folder),
            next="name a folder with documents: {use: documents, folder: belgeler}",
        )
    return found


def _paragraphs(path: Path) -> Sequence[str]:
    """The paragraphs of a document, white space collapsed."""
    if path.suffix.lower() == ".pdf":
        blocks = _pdf(path)
    else:
        with recognise(path).open() as stream:
            text = stream.read()
        html = path.suffix.lower() in (".html", ".htm")
        blocks = _Reader.read(text) if html else re.split(r"\n\s*\n", text)
    return [found for block in blocks if (found := squeeze(block).replace("\x00", ""))]


def _pdf(path: Path) -> list[str]:
    """The text of each page."""
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError:
        raise MissingExtraError(
            "reading PDF needs pypdf", where=str(path), next="pip install 'imbik[documents]'"
        ) from None
    try:
        return [page.extract_text() for page in PdfReader(path).pages]
    except (PyPdfError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"damaged or protected ({type(error).__name__})", where=str(path)) from None


def _pieces(paragraphs: Sequence[str], words: int, fewest: int) -> Iterator[str]:
    """Paragraphs joined until they hold about so many words; a longer one is cut between its sentences."""
    piece: list[str] = []
    count = 0
    for part in (sentence for paragraph in paragraphs for sentence in _shorter(paragraph, words)):
        size = len(part.split())
        if count and count + size > words:
            if count >= fewest:
                yield "\n".join(piece)
            piece, count = [], 0
        piece.append(part)
        count += size
    if count >= fewest:
        yield "\n".join(piece)


def _shorter(paragraph: str, words: int) -> Sequence[str]:
    return [paragraph] if len(paragraph.split()) <= words else _SENTENCE.split(paragraph)


class _Reader(HTMLParser):
    """What a reader sees of a page: text outside scripts, styles and menus, cut at blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = [""]
        self._hidden = 0

    @classmethod
    def read(cls, text: str) -> list[str]:
        """The blocks of a page."""
        reader = cls()
        reader.feed(text)
        reader.close()
        return reader.blocks

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's
        """Hidden parts are counted in and out; a block begins a new paragraph."""
        self._hidden += tag in _HIDDEN
        if tag in _BLOCKS:
            self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        """The end of a hidden part or of a block."""
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))
        if tag in _BLOCKS:
            self.blocks.append("")

    def handle_data(self, data: str) -> None:
        """Text, where it is shown."""
        if not self._hidden:
            self.blocks[-1] += data
