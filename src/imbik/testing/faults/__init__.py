"""Every way in which the fake teacher can go wrong: one table, with a file for each layer of the reply.

Enters: nothing. Leaves: `FAULTS`, name to fault, in the order that `imbik fake-teacher --faults` prints. To add one is
one function in the file of its layer.
"""

from imbik.testing.faults import bodies, schemas, statuses, wires
from imbik.testing.faults.table import Call, Fault

FAULTS: dict[str, Fault] = {**wires.TABLE, **statuses.TABLE, **schemas.TABLE, **bodies.TABLE}

__all__ = ["FAULTS", "Call", "Fault"]
