"""Asking: every question to a teacher or judge goes through here, whoever asks it.

Enters: questions and the name of a teacher. Leaves: completions in the order of the questions, each with a typed
outcome.

- `engine`: the one object stages see; `served` asks teachers behind HTTP on a loop of its own, `local` asks those in
  this machine's memory block by block.
- `answers`: every answer ever paid for, stored as it came before anyone parses it, shared by all runs of a folder;
  `claims` keep two runs from paying for one answer twice; `key` says what makes two questions the same.
- `ensemble` asks several teachers as one, each through the engine; `shape` holds an answer to its question's schema.
- `limits` finds out how much a teacher stands; `retry` says what is worth trying again and what is hopeless.
"""
