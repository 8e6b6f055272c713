"""Everyday Turkish word problems with known answers, made by our own rules.

Enters: a set's name, an index, a seed. Leaves: a `Problem` (text, one chain of one to four labelled steps,
answer). Pure Python, nothing downloaded; the same three inputs give the same problem on every machine.
`streams` makes the texts on which the embedded base student is pretrained: never a solved problem.
"""

from imbik.tasks.problems.generator import SETS, WITHHELD, generate, problems
from imbik.tasks.problems.model import Problem, Step

__all__ = ["SETS", "WITHHELD", "Problem", "Step", "generate", "problems"]
