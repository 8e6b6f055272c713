"""Commands of LaTeX that stand for one symbol, one function, one space or one style: the tables of `mathematics`."""

from __future__ import annotations

_LETTERS = (
    "alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ "
    "lambda λ mu μ nu ν xi ξ pi π varpi ϖ rho ρ sigma σ tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω "
    "Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω infty ∞ partial ∂ "
    "nabla ∇ ell ℓ hbar ℏ emptyset ∅ varnothing ∅ Re ℜ Im ℑ aleph ℵ angle ∠ triangle △ prime ′ degree ° "
    "ldots … dots … cdots ⋯ vdots ⋮ ddots ⋱ top ⊤"
)
_OPERATORS = (
    "times × div ÷ cdot · pm ± mp ∓ ast ∗ star ⋆ circ ∘ bullet • oplus ⊕ otimes ⊗ cap ∩ cup ∪ setminus ∖ "
    "wedge ∧ land ∧ vee ∨ lor ∨ neg ¬ lnot ¬ le ≤ leq ≤ leqslant ⩽ ge ≥ geq ≥ geqslant ⩾ ne ≠ neq ≠ approx ≈ "
    "equiv ≡ sim ∼ simeq ≃ cong ≅ propto ∝ ll ≪ gg ≫ in ∈ notin ∉ ni ∋ subset ⊂ subseteq ⊆ supset ⊃ supseteq ⊇ "
    "to → rightarrow → leftarrow ← leftrightarrow ↔ Rightarrow ⇒ implies ⟹ Leftarrow ⇐ Leftrightarrow ⇔ iff ⟺ "
    "mapsto ↦ longrightarrow ⟶ uparrow ↑ downarrow ↓ forall ∀ exists ∃ mid ∣ nmid ∤ parallel ∥ perp ⊥ "
    "therefore ∴ because ∵ colon : sum ∑ prod ∏ int ∫ iint ∬ oint ∮ bigcup ⋃ bigcap ⋂ lfloor ⌊ rfloor ⌋ "
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
WIDE = frozenset("sum prod bigcup bigcap int iint oint".split())
_FUNCTIONS = (
    "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln lg exp lim max min sup inf det dim ker gcd lcm "
    "deg arg Pr"
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
}
STYLES = {
    "text": "text", "textrm": "text", "textbf": "text", "textit": "text", "mbox": "text", "operatorname": "function",
    "mathrm": "function", "mathbf": "bold", "boldsymbol": "bold", "mathit": "italic", "mathbb": "double",
    "mathcal": "script", "mathsf": "function", "mathtt": "function",
}  # fmt: skip
ACCENTS = {
    "overline": ("mover", "‾", "true"), "bar": ("mover", "‾", "false"), "hat": ("mover", "^", "false"),
    "widehat": ("mover", "^", "true"), "vec": ("mover", "→", "false"), "tilde": ("mover", "~", "false"),
    "dot": ("mover", "˙", "false"), "underline": ("munder", "_", "true"), "overrightarrow": ("mover", "→", "true"),
    "underbrace": ("munder", "⏟", "true"), "overbrace": ("mover", "⏞", "true"),
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
