"""What single models refuse, so that a request leaves it out.

Enters: an endpoint's host and a model's name. Leaves: whether the model is known to refuse temperature and top_p, or to
know no JSON schema as an output format. What the table does not hold is taken to be as usual.
"""

from __future__ import annotations

from imbik.teachers.catalogue.tables import best, table


def refuses_sampling(host: str, model: str) -> bool:
    """Whether the model is known to refuse temperature and top_p."""
    return _listed("no_sampling", host, model)


def refuses_schema(host: str, model: str) -> bool:
    """Whether the model is known to take no JSON schema as an output format."""
    return _listed("no_schema", host, model)


def _listed(quirk: str, host: str, model: str) -> bool:
    return any(
        best(host, line["hosts"]) is not None and best(model, line.get(quirk, ())) is not None
        for line in table("quirks").values()
    )
