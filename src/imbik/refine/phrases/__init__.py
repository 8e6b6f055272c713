"""Words and phrases that checks look for, by language: data beside the code that reads it.

Enters: a text. Leaves: its sentences without what they quote, folded (`refusals`), and words told from others that only
begin alike (`wordlist`).
"""
