"""What is known of teachers and students beside their answers: prices, terms, models. Data, each with its date.

Enters: nothing but the tables beside this file. Leaves: typed records. Every table says when it was true and where
that can be read; what a table does not hold is unknown (None), never free, and never allowed.
"""
