"""Where the reasoning ends and the final answer begins, in text that a model or a person wrote.

Enters: an assistant's text. Leaves: reasoning and answer apart, and the one way imbik itself writes them together:
`{reasoning}\\nCevap: {answer}`. Also read: `####` (GSM8K), a last line `A:`, `\\boxed{}` (LaTeX), "the answer is",
and `<think>…</think>`. The last marker counts, since models correct themselves.
"""

from __future__ import annotations

import re
from collections import deque

from imbik.core.types import Completion

MARKERS = {"tr": "Cevap", "en": "Answer", "sl": "Odgovor", "hu": "Válasz"}

_WORDS = r"(?:cevap|yanıt|cevabı|answer|odgovor|v(?:á|a\u0301)lasz)"
_BEFORE = r"(?:(?:son|nihai|doğru|final|correct|končni|végső)\s+)?"
_STRONG = re.compile(
    rf"(?:^|(?<=[.!?])[ \t]+)[ \t>*_#-]*\b{_BEFORE}{_WORDS}[ \t*_]*[:：][ \t*_]*",
    re.IGNORECASE | re.MULTILINE,
)
_HASHES = re.compile(r"^[ \t]*####[ \t]*(?P<answer>[-+$€₺%\d(][^\n]*)$", re.MULTILINE)
_LAST_LINE = re.compile(r"(?:^|\n)[ \t]*A:[ \t]*(?P<answer>[^\n]+)\s*\Z")
_WEAK = re.compile(r"\bthe (?:final |correct )?answer is[ \t]*:?[ \t]*", re.IGNORECASE)
_THINK = re.compile(r"<think(?:ing)?>(?P<thought>.*?)</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OPEN_THINK = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_CLOSE_THINK = re.compile(r"\A(?P<thought>.*?)</think(?:ing)?>", re.DOTALL | re.IGNORECASE)


def marker(language: str) -> str:
    """The word before the answer in a language; English where imbik has none of its own."""
    return MARKERS.get(language.lower().split("-")[0], MARKERS["en"])


def join_answer(reasoning: str, answer: str, language: str) -> str:
    """`{reasoning}\\nCevap: {answer}`; without reasoning just `Cevap: {answer}`."""
    line = f"{marker(language)}: {answer}"
    return f"{reasoning}\n{line}" if reasoning else line


def split_answer(text: str) -> tuple[str, str]:
    """Reasoning and answer, both stripped. Without any marker all of it is reasoning and the answer is "".

    Text after `</think>` is the answer where it holds no marker of its own; reasoning is then the thought. A thought
    that never ends holds no answer.
    """
    thought, shown = split_thought(text)
    reasoning, answer = _split_shown(shown)
    if not answer and thought and shown:
        return thought, unbox(shown)
    return reasoning or thought, answer


def split_thought(text: str) -> tuple[str, str]:
    """What stands inside `<think>` and what is shown, both stripped; an unclosed thought shows nothing.

    Chat templates often open the thought in the prompt, so a text may hold the closing tag only.
    """
    thoughts = [match["thought"].strip() for match in _THINK.finditer(text)]
    shown = _THINK.sub("", text)
    if not thoughts and (closing := _CLOSE_THINK.match(shown)):
        thoughts, shown = [closing["thought"].strip()], shown[closing.end() :]
    if opening := _OPEN_THINK.search(shown):
        thoughts.append(shown[opening.end() :].strip())
        shown = shown[: opening.start()]
    return "\n".join(part for part in thoughts if part), shown.strip()


def read_marked(completion: Completion) -> tuple[str, str]:
    """`split_answer` of a completion; the teacher's own reasoning field serves where the text shows no steps."""
    reasoning, answer = split_answer(completion.answer)
    return reasoning or completion.reasoning.strip(), answer


def unbox(text: str) -> str:
    """The text with every `\\boxed{X}` (or `\\fbox{X}`) replaced by X, stripped of dollar signs around it."""
    while box := _last_box(text):
        start, end, inner = box
        text = text[:start].removesuffix("$") + inner + text[end:].removeprefix("$")
    return text.strip()


def _split_shown(text: str) -> tuple[str, str]:
    strong = _last(_STRONG, text)
    hashes = _last(_HASHES, text)
    if hashes and (not strong or hashes.start() > strong.start()):
        return text[: hashes.start()].strip(), unbox(hashes["answer"])
    if strong:
        return text[: strong.start()].strip(), _clean(text[strong.end() :])
    if line := _LAST_LINE.search(text):
        return text[: line.start()].strip(), unbox(line["answer"])
    if box := _last_box(text):
        reasoning = unbox(text)
        return ("" if reasoning == box[2].strip() else reasoning), unbox(box[2])
    if weak := _last(_WEAK, text):
        return text[: weak.start()].strip(), _clean(text[weak.end() :])
    return text.strip(), ""


def _clean(answer: str) -> str:
    """Without boxes, and without the closing half of Markdown bold whose opening half stood before the marker."""
    answer = unbox(answer)
    return answer[:-2].rstrip() if answer.endswith("**") and answer.count("**") % 2 else answer


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)


def _last_box(text: str) -> tuple[int, int, str] | None:
    """Start, end and content of the last box with balanced braces."""
    for opening in reversed([*re.finditer(r"\\f?boxed?\s*\{", text)]):
        depth, position = 1, opening.end()
        while position < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[position], 0)
            position += 1
        if not depth:
            return opening.start(), position, text[opening.end() : position - 1]
    return None
