"""Models in this process: the one place that loads weights. Teachers, students, evaluation and serving all use it.

Enters: a folder, a hub id, `embedded:teacher` or a recipe's student section. Leaves: a `LanguageModel` with its
tokenizer and identity, engines that generate, choose and score, token ids that content cannot turn into control tokens,
and the teacher's logits on disk. Weights are safetensors only; no code from a folder ever runs. Nothing here imports
torch until a model is really used: `fingerprint` and `tokenizer_hash` read files.
"""
