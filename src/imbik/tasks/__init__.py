"""Tasks: from somebody's file to numbered pieces of work in sets that never change.

Enters: a source (file, folder, hub id, chat log, the embedded problems). Leaves: `1_tasks/` with tasks, the set of
each, quarantined rows with file, line and reason, and how alike the sets are. The way through: `sources/` reads rows,
`columns` finds what they mean, `build` makes tasks, `split` divides them, `stage` writes, `read` is for later stages.
"""
