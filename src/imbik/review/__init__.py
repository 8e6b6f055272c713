"""Review: what do people say of it? `3_refined/` and `reviews.sqlite` in, `4_reviewed/` out.

Enters: kept samples and experts' verdicts, each keyed by the content it judged, so that regenerating other rows keeps
it. Leaves: the samples that a numbered snapshot of verdicts keeps, with edits applied; the rows that experts are shown.
Experts write while the run trains; the stage reads snapshots only, so nothing changes under a running training.
"""
