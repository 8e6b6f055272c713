"""Search: many runs of one recipe with values varied, and which of them is best.

Enters: a recipe with ranges. Leaves: `RUN/trials/0000/` and so on, each a run like any other that reads from the run
what it does not change; `RUN/trials/study.log` (Optuna's journal, from which a killed search goes on); and
`RUN/search/{search.json, search.html, best.yaml}`. Trials are judged on validation rows; only the best are measured on
the test rows, at the end, so that choosing does not use up what the claim rests on.

Read in this order: `work` (the loop), `study` (what is tried next), `trial` (one run), `objectives` (what is read of
it), `findings` and `page` (what is told).
"""
