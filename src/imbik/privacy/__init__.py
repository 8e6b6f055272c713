"""Privacy (KVKK): what may leave this machine, for where, and the proof of what did.

Enters: the sensitivity of a row and the place it would go to. Leaves: a decision with its reason, and an audit line.

- `sensitivity`: whatever is made of something inherits the highest sensitivity that went in. - `operator`: the one
file that says which endpoints are local, which contracts cover the others; `trust` pins one that lies beside a
recipe, so that a cloned folder cannot grant itself anything.
- `addresses`: what a URL and an address really are, and the odd ones that are never spoken to.
- `gate`: decides, fails closed, and writes every decision down in `audit`, a hash chain without content.
- `chain` reads the audit again and finds every change; `anchor` and `signing` hold it against heads signed elsewhere;
`verifier` does both without imbik. `account` says in one sentence what left, `certificate` on one page.
- `transport`: the only door. It opens every client connection to a teacher and asks the gate itself, after `contents`
read what is about to leave from its bytes (`wire`) and `inspection` had the detectors (`detect`) look at it. Its
`doorkeeper` asks the gate and shares audit lines; its `routes` pin addresses and show keys.
- `cleaning` takes identifiers out and, with the `vault`, puts them back; `declassify` is two people's signed word.
- `quiet`: what a server says without the words of the row.
- `person`: whether a person stands in a text. `suppression`: keyed fingerprints of what was erased and must not come
back. The erasing itself is `imbik.advise.forget`, right of all that writes rows.
"""
