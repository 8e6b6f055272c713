"""What a person asks about a run or a recipe: set one up, look at rows, talk to the student, find out what is wrong.

Enters: a file of the user's, a run folder. Leaves: plain records that the command line prints; nothing here prints.
"""
