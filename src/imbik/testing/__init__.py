"""What tests of imbik, and of recipes and plug-ins made for it, stand on: a teacher that fails on demand.

Enters: rules (latency, refusals, broken replies) and a function that answers. Leaves: a real HTTP server on this
machine that counts what it was asked. Nothing in imbik imports this but the command line.
"""

from imbik.testing.answers import checksum, from_file, solve
from imbik.testing.batches import BatchPlan
from imbik.testing.fake_teacher import FakeTeacher, run
from imbik.testing.faults import FAULTS, Fault
from imbik.testing.growing import GrowthTeacher
from imbik.testing.judges import gullible, honest
from imbik.testing.knowing import from_recipe
from imbik.testing.rules import Rule, parse_rule, read_script

__all__ = [
    "FAULTS",
    "BatchPlan",
    "FakeTeacher",
    "Fault",
    "GrowthTeacher",
    "Rule",
    "checksum",
    "from_file",
    "from_recipe",
    "gullible",
    "honest",
    "parse_rule",
    "read_script",
    "run",
    "solve",
]
