"""Refine: of what the teacher said, what holds? `2_answers/` in, `3_refined/` out.

Enters: samples and the recipe's checks, in order. Leaves: kept samples in `part-*.jsonl`, rejected ones in
`rejected-*.jsonl`, each with the verdicts given; a rejected sample's last verdict says which check and why.
"""
