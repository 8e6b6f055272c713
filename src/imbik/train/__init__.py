"""Training: from kept answers (and captured logits) to a student and its controls.

Enters: samples of `refine` or `review`, the base model the recipe names, and, where captured, the teacher's
distributions. Leaves: `6_student/{student,answers_only,text_only}/seed-N/` with `weights/`, `training.json`,
`checkpoints/`, `tensorboard/`, and `6_student/best.json`. Read in this order: `stage` (what is trained), `rows` and
`batches` (what a step sees), `module` and `chunked` (the loss), `trainer` (the loop), `checkpoints` (resume).
"""
