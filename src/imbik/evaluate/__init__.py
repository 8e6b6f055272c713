"""Evaluate: how much of the teacher is left, and what it costs to run.

Enters: held-out tasks (1_tasks), students and controls (6_student), exports (7_export), the teacher through `ask`.
Leaves: 8_report with `scores.json` (docs/scores.md), `report.html`, `report.md`, and every system's answer to every
row under `answers/`, so that each interval can be computed again and each row looked at. All systems answer the same
rows by the same code; a difference is always a paired one.
"""
