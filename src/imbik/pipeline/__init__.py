"""The pipeline: one ordered list of stages, and the loop that runs what is not current.

Enters: a recipe. Leaves: a finished run folder and a RunResult. What a newcomer needs to know of the order of work is
in `stages.STAGES`; why a stage is run or left alone is in `plan`.
"""

from imbik.pipeline.result import RunResult, StageOutcome
from imbik.pipeline.run import run
from imbik.pipeline.stages import STAGES

__all__ = ["STAGES", "RunResult", "StageOutcome", "run"]
