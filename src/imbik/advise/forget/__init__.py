"""Erasing a person (KVKK art. 7), and rows whose time is over: from a run and from the answer store.

Enters: a run, and who or which rows. Leaves: a run without them, and a receipt.

- `places`: every kind of file a run has, and what becomes of it; a test holds it to what the stages really write.
- `find`: which rows are meant. `erasing`: what counts as theirs.
- `clean`, and for each kind of file `rows`, `logits`, `report`, `databases`, `pseudonyms`: taking it out.
- `exports`: copies of rows that were made for other tools, inside the run and elsewhere.
- `keys`: which stored answers were given for a row. `others`: which other runs hold it. `made`: what was made of the
  rows and cannot be cleaned.
- `plan`: all of this looked at together, before anything is changed.
- `sweep`: what still holds the person afterwards, decoded. `lineage`: that every root still verifies.
- `work`: the order of it all, with a journal, so that a kill in the middle is finished by the same command.
- `receipt`: what was done, without content. `retain`: the same for rows older than the operator's file lets them be.
"""
