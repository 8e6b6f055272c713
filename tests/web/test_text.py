"""Text of rows: nothing in it is lost, nothing acts, and what nobody sees is named."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.web.code import codes
from imbik.web.formulas import formulas
from imbik.web.mathematics import mathml
from imbik.web.text import Mark, Node, marked, one_line, pieces, plain, unseen


def labels(nodes: list[Node]) -> list[object]:
    return [node[2] for node in nodes if not isinstance(node, str)]


def text_of(node: object) -> str:
    """All text in a node."""
    return node if isinstance(node, str) else "".join(text_of(part) for part in node[2:])  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\x1b[31mkırmızı", ["ESC"]),
        ("a\u202eb", ["U+202E"]),
        ("a\u200bb", ["U+200B"]),
        ("\ufeffa", ["U+FEFF"]),
        ("a\x00b\x07", ["NUL", "BEL"]),
        ("a\u2066b\u2069", ["U+2066", "U+2069"]),
        ("a\U000e0041", ["U+E0041"]),
        ("satır\r\nson", ["CR"]),
        ("yumu\u00adşak", ["U+00AD"]),
        ("a\ue000", ["U+E000"]),
        ("ğüşİı çÖ ñ 漢字 \n\t", []),
        ("👩\u200d🔬 ve ❤\ufe0f", []),
        ("می\u200cخواهم", []),
        ("a\u200db", ["U+200D"]),
        ("a\u202e\u202e\u202eb\x1b\x1b", ["U+202E ×3", "ESC ×2"]),
    ],
)
def test_what_nobody_sees_is_named(text: str, found: list[str]) -> None:
    assert labels(plain(text)) == found
    assert unseen(text) or not found


@given(st.text())
def test_nothing_that_can_be_seen_is_lost(text: str) -> None:
    nodes = plain(text)
    shown = "".join(node for node in nodes if isinstance(node, str))
    hidden = len(text) - len(shown)
    assert hidden == sum(int(str(name).partition(" ×")[2] or 1) for name in labels(nodes))
    assert all(isinstance(node, str) or node[0] == "span" for node in nodes)


@given(st.integers(0, 40), st.lists(st.tuples(st.integers(-5, 45), st.integers(-5, 45))))
def test_marks_cut_a_text_into_pieces_that_are_the_text(length: int, spans: list[tuple[int, int]]) -> None:
    marks = [Mark(start, end, str(number)) for number, (start, end) in enumerate(spans)]
    text = "".join(chr(97 + n % 26) for n in range(length))
    found = list(pieces(length, marks))
    assert "".join(text[start:end] for start, end, _ in found) == text
    for mark in marks:
        covered = sum(end - start for start, end, over in found if mark in over)
        held = 0 <= mark.start < min(mark.end, length)
        assert covered == (min(mark.end, length) - mark.start if held else 0)


def test_marks_of_one_stretch_share_an_element() -> None:
    (node,) = marked(["a"], [Mark(0, 1, "1", "kaynak"), Mark(0, 1, "2")])
    assert node == ["mark", {"data-mark": "1 2", "title": "kaynak"}, "a"]


def test_one_line_of_what_may_be_anything() -> None:
    assert one_line("a\n\u202eb" + "c" * 100, 12) == "a ‹U+202E›b…"
    assert one_line("kısa", 12) == "kısa"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"toplam $x+1$ ve \(y\)", ["x+1", "y"]),
        (r"$$\frac{1}{2}$$", [r"\frac{1}{2}"]),
        (r"sonuç \boxed{42}.", [r"\boxed{42}"]),
        (r"\frac{3}{4} kilo", [r"\frac{3}{4}"]),
        ("It costs $5 and she has $6.", []),
        ("5$ ve 6$ eder", []),
        (r"\$5 ve \$6", []),
        ("$ x $", []),
        (r"\boxed{42", []),
        ("$a\n\nb$", []),
        ("$$ $$", []),
        (r"son: \begin{align*}a&=b\end{align*}.", [r"\begin{align*}a&=b\end{align*}"]),
        (r"\begin{align}a&=b\end{gather}", []),
    ],
)
def test_formulas_and_money(text: str, found: list[str]) -> None:
    made = list(formulas(text))
    assert [formula.latex for formula in made] == found
    assert all(formula.latex in text[formula.start : formula.end] for formula in made)


@pytest.mark.parametrize(
    ("latex", "words"),
    [
        (r"\frac12", "12"), (r"x^23", "x23"), (r"3{,}14", "3,14"), (r"\text{elma sayısı}", "elma sayısı"),
        (r"50\%", "50%"), (r"a-b", "a−b"), (r"\sqrt[3]{27}", "273"), (r"\left(\frac{a}{b}\right)^2", "(ab)2"),
        (r"\begin{cases} x & x>0 \\ -x & x<0 \end{cases}", "{xx>0−xx<0"), (r"\sum_{i=1}^{n} i", "∑i=1ni"),
        (r"\mathbb{NZQRC}1", "ℕℤℚℝℂ1"), (r"\mathcal{L}", "ℒ"), (r"\mathfrak{g}", "𝔤"), (r"\mathbb{k}", "𝕜"),
        (r"\underbrace{a+b}_{2\text{ şey}}", "a+b⏟2\u00a0şey"), (r"\overbrace{x}^{y}", "x⏞y"),
        (r"\int_0^1 x", "∫01x"), (r"\int\limits_0^1 x", "∫01x"), (r"a \not= b", "a≠b"), (r"7 \pmod{3}", "7(mod3)"),
        (r"\text{İki sayı, ığüşöç }x", "İki sayı, ığüşöç\u00a0x"), (r"\xrightarrow{ısı}", "→ısı"),
        (r"\begin{align*} a &= b \\ &= c \\ \end{align*}", "a=b=c"), (r"\begin{Bmatrix}1\end{Bmatrix}", "{1}"),
        (r"\begin{array}{lr} 1 & 2 \\[4pt] \hline 3 & 4 \end{array}", "1234"),
        (r"\sum_{\substack{i<n\\j<m}} x", "∑i<nj<mx"),
        (r"\alpha \le \beta", "α≤β"), (r"f'(x)", "f′(x)"), (r"\binom{n}{k}", "(nk)"), (r"\overline{AB}", "AB‾"),
    ],
)  # fmt: skip
def test_mathematics_says_what_the_latex_says(latex: str, words: str) -> None:
    node = mathml(latex)
    assert node is not None
    assert text_of(node) == words


@pytest.mark.parametrize(
    ("latex", "tag"),
    [
        (r"\int_0^1", "msubsup"), (r"\int\limits_0^1", "munderover"), (r"\sum_0^1", "munderover"),
        (r"\lim_0", "munder"),
        (r"\sum\nolimits_0^1", "msubsup"), (r"\underbrace{a}_b", "munder"), (r"x_0^1", "msubsup"),
        (r"\bar{x}_0", "msub"),
    ],
)  # fmt: skip
def test_what_stands_below_and_what_beside(latex: str, tag: str) -> None:
    node: Any = mathml(latex)
    assert [part[0] for part in node[2:]] == [tag]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a `b` c", [("`b`", False)]),
        ("``a`b``", [("``a`b``", False)]),
        ("1:\n```py\nx = 1\n\ny = 2\n```\nson", [("```py\nx = 1\n\ny = 2\n```", True)]),
        ("```\nhiç kapanmaz", [("```\nhiç kapanmaz", True)]),
        ("~~~~\n~~~\n~~~~", [("~~~~\n~~~\n~~~~", True)]),
        ("tablo\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\nson", [("| a | b |\n|---|--:|\n| 1 | 2 |", True)]),
        ("``Merhaba'' dedi", []),
        ("`satır\nsonu`", []),
        ("a | b\n---", []),
        ("P(A|B)\nP(B|A)", []),
    ],
)
def test_code_and_tables_are_found_as_they_stand(text: str, found: list[tuple[str, bool]]) -> None:
    assert [(text[code.start : code.end], code.alone) for code in codes(text)] == found


@pytest.mark.parametrize("text", ["`" * 100_000, "`a``" * 25_000, "~~~\n" * 25_000, "|-\n" * 25_000, "|" * 100_000])
def test_what_was_written_to_be_slow_is_not(text: str) -> None:
    began = time.process_time()
    assert all(code.start < code.end for code in codes(text))
    assert time.process_time() - began < 2


def test_the_first_digit_alone_is_an_argument() -> None:
    assert mathml(r"\frac12") == [
        "math", {"display": "inline", "class": "formula"}, ["mfrac", {}, ["mn", {}, "1"], ["mn", {}, "2"]]
    ]  # fmt: skip
    node: Any = mathml("x^23")
    assert node[2:] == [["msup", {}, ["mi", {}, "x"], ["mn", {}, "2"]], ["mn", {}, "3"]]


@pytest.mark.parametrize(
    "latex",
    [r"\foo{3}", r"\href{javascript:alert(1)}{x}", "}", "{", r"\left(", r"\begin{cases}", "{" * 100, "x^1^2", "a & b",
     r"\frac{1}", "x\u202ey", r"\begin{tikzpicture}\end{tikzpicture}", "", r"\text{a\foo}", r"\input{/etc/passwd}",
     r"\begin{align}a", r"\begin{align}a\end{gather}", r"\not x", r"\substack{a", r"\text", r"\begin{array"],
)  # fmt: skip
def test_what_is_not_known_is_not_drawn(latex: str) -> None:
    assert mathml(latex) is None


@given(st.text(alphabet="\\{}^_$&xy12 abcfrsqt()[]'%~\n", max_size=40))
def test_any_text_is_drawn_or_left_alone(text: str) -> None:
    node = mathml(text)
    assert node is None or node[0] == "math"
    for formula in formulas(text):
        assert text[formula.start : formula.end]
