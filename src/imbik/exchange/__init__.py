"""Data for other tools: what a run kept, in the formats that other people's programs read, with a card.

Enters: a run. Leaves: a folder of rows by set with a README.md, or the same at a hub, past the privacy gate.

- `rows`: answered rows as they are handed over; `pairs`: kept against rejected answers of one task.
- `formats/`: a file a format. `sinks`: the files that they are written to.
- `leaving`: what the gate says. `card`: README.md. `records`: which export holds which rows, for an erasure.
- `exporting`: the order of it all.
"""
