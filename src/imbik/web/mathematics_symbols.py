"""Commands of LaTeX that stand for one symbol, one function, one space or one style: the tables of `mathematics`."""

from __future__ import annotations

_LETTERS = (
    "alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ "
    "lambda λ mu μ nu ν xi ξ pi π varpi ϖ rho ρ sigma σ tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω "
    "Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω infty ∞ partial ∂ "
    "nabla ∇ ell ℓ hbar ℏ emptyset ∅ varnothing ∅ Re ℜ Im ℑ aleph ℵ angle ∠ triangle △ prime ′ degree ° "
    "ldots … dots … cdots ⋯ vdots ⋮ ddots ⋱ dotsc … dotsb ⋯ dotsm ⋯ dotsi ⋯ top ⊤ bot ⊥ imath ı jmath ȷ wp ℘ "
    "square □ Box □ blacksquare ■ diamond ⋄ digamma ϝ varrho ϱ varsigma ς"
)
_OPERATORS = (
    "times × div ÷ cdot · pm ± mp ∓ ast ∗ star ⋆ circ ∘ bullet • oplus ⊕ otimes ⊗ cap ∩ cup ∪ setminus ∖ "
    "wedge ∧ land ∧ vee ∨ lor ∨ neg ¬ lnot ¬ le ≤ leq ≤ leqslant ⩽ ge ≥ geq ≥ geqslant ⩾ ne ≠ neq ≠ approx ≈ "
    "equiv ≡ sim ∼ simeq ≃ cong ≅ propto ∝ ll ≪ gg ≫ in ∈ notin ∉ ni ∋ subset ⊂ subseteq ⊆ supset ⊃ supseteq ⊇ "
    "to → rightarrow → leftarrow ← leftrightarrow ↔ Rightarrow ⇒ implies ⟹ Leftarrow ⇐ Leftrightarrow ⇔ iff ⟺ "
    "mapsto ↦ longrightarrow ⟶ uparrow ↑ downarrow ↓ forall ∀ exists ∃ mid ∣ nmid ∤ parallel ∥ perp ⊥ "
    "lt < gt > lesssim ≲ gtrsim ≳ triangleq ≜ doteq ≐ asymp ≍ vdash ⊢ models ⊨ hookrightarrow ↪ rightleftharpoons ⇌ "
    "subsetneq ⊊ ominus ⊖ odot ⊙ wr ≀ amalg ⨿ Longrightarrow ⟹ Longleftrightarrow ⟺ longleftarrow ⟵ "
    "nearrow ↗ searrow ↘ "
    "cdotp · gets ← owns ∋ "
    "therefore ∴ because ∵ colon : sum ∑ prod ∏ int ∫ iint ∬ oint ∮ "
    "coprod ∐ iiint ∭ bigcup ⋃ bigcap ⋂ bigvee ⋁ bigwedge ⋀ bigoplus ⨁ bigotimes ⨂ "
    "lfloor ⌊ rfloor ⌋ "
    "lceil ⌈ rceil ⌉ langle ⟨ rangle ⟩ lvert | rvert | vert | lVert ‖ rVert ‖ Vert ‖ lbrace { rbrace } "
    "backslash \\ surd √ checkmark ✓"
)


def _pairs(table: str) -> dict[str, str]:
    words = table.split()
    return dict(zip(words[::2], words[1::2], strict=True))


SYMBOLS = (
    {name: ("mi", symbol) for name, symbol in _pairs(_LETTERS).items()}
    | {name: ("mo", symbol) for name, symbol in _pairs(_OPERATORS).items()}
    | {mark: ("mo", mark) for mark in "%$&#_{}"}
    | {"|": ("mo", "‖")}
)
"""Command -> element and character."""
WIDE = frozenset("sum prod coprod bigcup bigcap bigvee bigwedge bigoplus bigotimes int iint iiint oint".split())
WIDE_WORDS = frozenset("∑ ∏ ∐ ⋃ ⋂ ⋁ ⋀ ⨁ ⨂ lim max min sup inf liminf limsup argmax argmin gcd det Pr".split())
"""What carries its scripts below and above: a name only where it is one of LaTeX's own."""
_FUNCTIONS = (
    "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln lg exp lim max min sup inf det dim ker gcd lcm "
    "deg arg Pr hom coth liminf limsup"
)
FUNCTIONS = {name: name for name in _FUNCTIONS.split()} | {"bmod": "mod"}
SPACES = {
    ",": "0.17em",
    ":": "0.22em",
    ";": "0.28em",
    "!": "0em",
    " ": "0.33em",
    "quad": "1em",
    "qquad": "2em",
    "enspace": "0.5em",
    "thinspace": "0.17em",
    ">": "0.22em",
}
STYLES = {
    "text": "text", "textrm": "text", "textbf": "bold text", "textit": "italic text", "mbox": "text", "textsf": "text",
    "operatorname": "function", "operatorname*": "function", "mathfrak": "fraktur", "texttt": "text",
    "mathrm": "function", "mathbf": "bold", "boldsymbol": "bold", "mathit": "italic", "mathbb": "double",
    "mathcal": "script", "mathsf": "function", "mathtt": "function",
}  # fmt: skip
ACCENTS = {
    "overline": ("mover", "‾", "true"), "bar": ("mover", "‾", "false"), "hat": ("mover", "^", "false"),
    "widehat": ("mover", "^", "true"), "vec": ("mover", "→", "false"), "tilde": ("mover", "~", "false"),
    "dot": ("mover", "˙", "false"), "underline": ("munder", "_", "true"), "overrightarrow": ("mover", "→", "true"),
    "ddot": ("mover", "¨", "false"), "widetilde": ("mover", "~", "true"), "overleftarrow": ("mover", "←", "true"),
    "check": ("mover", "ˇ", "false"), "acute": ("mover", "´", "false"), "grave": ("mover", "`", "false"),
    "mathring": ("mover", "˚", "false"), "breve": ("mover", "˘", "false"),
}  # fmt: skip
DELIMITERS = (
    {mark: mark for mark in "()[]|/<>"}
    | {".": "", "{": "{", "}": "}", "|": "|"}
    | {
        name: _pairs(_OPERATORS)[name]
        for name in "lfloor rfloor lceil rceil langle rangle lvert rvert vert lVert rVert Vert lbrace rbrace".split()
    }
)
"""What may stand after `\\left` and `\\right`."""
BRACES = {
    "underbrace": ("munder", "⏟"), "overbrace": ("mover", "⏞"), "underbracket": ("munder", "⎵"),
    "overbracket": ("mover", "⎴"),
}  # fmt: skip
_FIRST = {"double": (0x1D538, 0x1D552, 0x1D7D8), "script": (0x1D49C, 0x1D4B6, 0), "fraktur": (0x1D504, 0x1D51E, 0)}
"""Where capitals, small letters and digits of a style begin in Unicode's mathematical alphabets; those that were there
before lie elsewhere (https://www.unicode.org/charts/PDF/U1D400.pdf)."""
_BEFORE = {
    "double": _pairs("C ℂ H ℍ N ℕ P ℙ Q ℚ R ℝ Z ℤ"),
    "script": _pairs("B ℬ E ℰ F ℱ H ℋ I ℐ L ℒ M ℳ R ℛ e ℯ g ℊ o ℴ"),
    "fraktur": _pairs("C ℭ H ℌ I ℑ R ℜ Z ℨ"),
}


def letters(style: str, text: str) -> str:
    """Letters of ASCII in a style that is an alphabet of its own; all else as it is."""
    if style not in _FIRST:
        return text
    capital, small, digit = _FIRST[style]
    made = list[str]()
    for letter in text:
        first, offset = ((capital, 65) if letter.isupper() else (small, 97)) if letter.isalpha() else (digit, 48)
        plain = not letter.isascii() or not letter.isalnum() or not first
        made.append(letter if plain else _BEFORE[style].get(letter) or chr(first + ord(letter) - offset))
    return "".join(made)
