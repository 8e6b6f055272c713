"""What every page and API of imbik shares: who may come in, what a browser may do, how a page looks, in which language.

Enters: an ASGI application and what a person typed (host, names, certificate). Leaves: the same application behind one
guard (`guard`: Host, Origin, sizes, headers), people known by their invitation (`members`, `sessions`), templates with
a nonce (`pages`), words in Turkish and English (`words`), and text that cannot act (`text`, `mathematics`). A page adds
routes and words of its own; it has no other way in. Imports core, recipe and privacy only.
"""
