"""STAGES: the one ordered list. Data flows from top to bottom; each stage reads only folders of those above it."""

from __future__ import annotations

from imbik.capture.stage import CaptureStage
from imbik.evaluate.stage import EvaluateStage
from imbik.export.stage import ExportStage
from imbik.generate.stage import GenerateStage
from imbik.refine.stage import RefineStage
from imbik.review.stage import ReviewStage
from imbik.stage import Stage
from imbik.tasks.stage import TasksStage
from imbik.train.stage import TrainStage

STAGES: tuple[Stage, ...] = (
    TasksStage(),  # 1_tasks     what is asked
    GenerateStage(),  # 2_answers   what a teacher says
    RefineStage(),  # 3_refined   what of it holds
    ReviewStage(),  # 4_reviewed  what experts say of that (where the recipe asks them)
    CaptureStage(),  # 5_logits    the teacher's distributions (where the recipe wants them)
    TrainStage(),  # 6_student   the student and its controls
    ExportStage(),  # 7_export    what is handed over
    EvaluateStage(),  # 8_report    how much of the teacher is left
)
