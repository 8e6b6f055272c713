"""Capture: the teacher's distributions over the next token, written down once for every kept row.

Enters: kept samples and a teacher that is a model here. Leaves: `5_logits/`, a store addressed by row and checked by
token hash (`imbik.models.logits`). Teachers behind an endpoint teach by their text.
"""
