"""Asking in batches: questions are gathered into files, handed over, and their answers collected, at a lower price.

Everything around a batch is the same as in live asking: the gate has said yes to the row, the question is claimed, its
worst case is held, and the reply is stored as it came before it is read. `sender` is what whoever asks sees; `leading`
takes each batch through these files in order:

- `gather`: a question joins the next file (`rows`) once there is money for it, and full files are handed over;
- `records`: what is about to be handed over stands in the answer store first;
- `provider`: it is handed over through the door, and looked at until it has ended;
- `finding`: one that may or may not have arrived is looked for, so that nothing is handed over twice;
- `results`: what it brought is read, a block at a time;
- `settling`: each row's answer and money are booked in one commit, and who waits for it hears so.

`tended` knows which batches this process looks after, and says what is under way. What a provider's batches look like
is no business of this package (`teachers._batch`).
"""
