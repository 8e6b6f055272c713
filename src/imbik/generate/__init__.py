"""Generate: what does the teacher say? `1_tasks/` in, `2_answers/` out.

Enters: training and validation tasks. Leaves: samples in task order, every one of them, with their outcome; reasoning
and final answer are read by the task's kind, the raw completion stays beside them. Test tasks are asked by `evaluate`.
"""
