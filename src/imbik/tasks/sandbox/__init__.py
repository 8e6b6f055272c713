"""Running code that a model wrote, where it can do no harm: no network, no files of others, no processes, limits.

Enters: a program, what it reads, limits. Leaves: what it printed and how it ended. `run` is the only door; a machine on
which the walls cannot be put up (see `docs/kinds.md`) gets an error in words, never a program without them.
"""

from imbik.tasks.sandbox.running import Limits, Ran, ready, run
from imbik.tasks.sandbox.testing import Tested, tested

__all__ = ["Limits", "Ran", "Tested", "ready", "run", "tested"]
