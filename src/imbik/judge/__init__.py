"""Judges: a teacher is asked how good an answer is, in the user's words, and answers as JSON.

Enters: a rubric, a task with an answer (or two), the names of teachers. Leaves: questions in which everything that is
judged stands behind fences that nobody can guess, and what is read from the answers: marks from 1 to 5, a preference,
or no verdict. Asking itself is the asker's. Refining, exports and the report use it; it knows no stage.

- `rubric`: criteria with written anchors, shipped or the user's own.
- `fence`: content set apart by a nonce; `scoring` and `pairwise` put the question and read the answer.
- `calibration`: how far a judge agrees with experts who did not see its marks; `attacks` what it is tried with.
"""
