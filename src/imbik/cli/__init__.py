"""The command line: one file a verb, no logic; what verbs do stands in `advise`, `pipeline`, `privacy`, `review`.

Every file but `main`, `console` and `options` is a verb: a function of the file's name, or an `app` with further verbs.
"""
