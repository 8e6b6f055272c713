"""Export: the best student in the formats that other programs load, proved to answer as the trained one does.

Enters: the best student of 6_student and some held-out tasks. Leaves: 7_export/FORMAT/ with the model, a model card
that says what it is made of and how private that was, and an Artifact with its hash. A format that does not give the
trained student's logits is refused, never handed over.
"""
