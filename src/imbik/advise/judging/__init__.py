"""What a person does with a judge outside of a run: calibrate it, attack it, have it compare two systems.

Enters: a run or a recipe. Leaves: figures with intervals; a calibration is kept beside the answer store. All questions
go through the run's own asker: gate, budget, store and audit are those of any run.
"""
