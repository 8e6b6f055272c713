"""Serve: using a finished student, at the keyboard or on a file of one's own rows.

Enters: a run folder. Leaves: answers of the seed that was best on validation, through the same encoding, engine and
reading as evaluation used, so that what a person sees here is what the report measured.
"""
