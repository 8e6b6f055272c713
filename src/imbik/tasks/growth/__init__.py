"""Growing: from a few dozen seeds to thousands of tasks, refused as they appear where they are nothing new.

Enters: divided seeds and the recipe's `tasks.grow`. Leaves: grown tasks with the set of each, what was refused and why,
how each category and strategy fared.

- `words`: prompts in Turkish and English, examples and passages fenced and said to be data.
- `reading`: a teacher's answer as rows; `making`: a row as a task of the kind, with family, level and origin.
- `novelty`: whether a task is new: exact words, near-duplicates, overlap with held-out tasks.
- `coverage`: which strategy makes how much of which category next, and which of them has dried up.
- `journal`: finished rounds on disk, so that a killed run goes on with the same questions.
- `rounds`: the loop, and `grow`, which the stage calls.

Strategies are plug-ins in `imbik.tasks.strategies`.
"""
