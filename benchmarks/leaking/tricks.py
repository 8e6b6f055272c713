"""The tricks: each one way in which confidential rows could end up where nobody allowed them to go.

Enters: nothing. Leaves: what a recipe, an environment, an operator's file, a name server or a server of one's own would
have to be. Every trick is data, so that adding one is one entry; `inside.py` carries it out with the real engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from imbik.testing import Rule

OUT = "http://kotu.example/v1"
HERE = "http://127.0.0.1:8000/v1"  # the teacher inside, which the operator's file lists
LISTED = 'local: [{host: 127.0.0.1, port: 8000, attestation: "burada"}]\n'
PROXIES = "http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY".split()
_EVIL = "http://203.0.113.7:3128"
_CONTRACT = "external: [{host: kotu.example, ports: [80, 443], contract: sözleşme, accepts: internal}]\n"
_CLEANED = (
    "external: [{host: kotu.example, ports: [80, 443], contract: sözleşme, accepts_cleaned: internal, country: IE}]\n"
)
TCKN, PHONE, MAIL, IBAN = "12345678950", "0532 123 45 67", "ayse@ornek.com.tr", "TR330006100519786457841326"


@dataclass(frozen=True)
class Trick:
    """One way. `how` names the function of inside.py that carries it out; `text` is put before the canary."""

    name: str
    about: str
    url: str = OUT
    level: str = "confidential"
    operator: str = LISTED
    place: str = "user"  # where the operator's file lies: user, beside, named, linked, borrowed, changed
    env: dict[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    purpose: str = "generation"
    text: str = ""
    system: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)
    how: str = "ask"
    parts: int = 20  # how many engines the rows are divided over
    codes: tuple[int, ...] = (2, 6)  # how a whole run may end


def _outside() -> dict[str, Any]:
    return {"use": "openai", "model": "m", "base_url": OUT}


def _proxies() -> list[Trick]:
    found = [
        Trick(f"proxy {name}", "an environment's proxy in front of a local teacher", HERE, env={name: _EVIL})
        for name in PROXIES
    ]
    return [
        *found,
        Trick("proxy socks", "a SOCKS proxy", HERE, env={"all_proxy": "socks5h://203.0.113.7:1080"}),
        Trick("proxy everywhere", "no exceptions", HERE, env={**dict.fromkeys(PROXIES, _EVIL), "no_proxy": ""}),
        Trick("proxy to outside", "a proxy and a teacher that is not listed", env=dict.fromkeys(PROXIES, _EVIL)),
    ]


def _redirects() -> list[Trick]:
    targets = {
        "another host": "http://203.0.113.7/v1/chat/completions",
        "no scheme": "//203.0.113.7/v1/x",
        "TLS": "https://203.0.113.7/v1",
        "a name": OUT,
    }
    return [
        Trick(f"redirect to {what}", "a local teacher that sends the question on", HERE, rules=(_redirect(target),))
        for what, target in targets.items()
    ]


def _redirect(target: str) -> Rule:
    return Rule("redirect", after=3, target=target)


def _hosts() -> list[Trick]:
    hosts = {
        "plain name": "kotu.example",
        "trailing dot": "kotu.example.",
        "capitals": "KOTU.EXAMPLE",
        "address": "203.0.113.7",
        "decimal": "3405803783",
        "hexadecimal": "0xcb007107",
        "octal": "0313.0.0161.07",
        "short form": "203.28935",
        "mapped": "[::ffff:203.0.113.7]",
        "IPv6": "[2001:db8::7]",
        "NAT64": "[64:ff9b::cb00:7107]",
        "6to4": "[2002:cb00:7107::1]",
        "zone": "[fe80::1%25eth0]",
        "any address": "0.0.0.0",
        "any address IPv6": "[::]",
        "metadata": "169.254.169.254",
        "metadata IPv6": "[fd00:ec2::254]",
        "broadcast": "255.255.255.255",
        "userinfo": "127.0.0.1:8000@kotu.example",
        "userinfo and password": "127.0.0.1:8000:x@kotu.example",
        "backslash": "127.0.0.1:8000\\@kotu.example",
        "hash": "127.0.0.1:8000#@kotu.example",
        "full-width dot": "kotu\uff0eexample",
        "percent-encoded": "%6b%6f%74%75.example",
        "two addresses": "iki.example",
        "outside first": "disarida-once.example",
        "IPv6 by name": "alti.example",
        "mapped by name": "eslenik.example",
        "any address by name": "sifir.example",
        "metadata by name": "meta.example",
    }
    return [
        Trick(f"host {what}", "an odd way to write or to be a host", f"http://{host}/v1")
        for what, host in hosts.items()
    ]


def _names() -> list[Trick]:
    listed = (
        "local: [{host: yerel.sirket.lan, addresses: [10.99.0.1], port: 8000, attestation: a}, "
        "{host: dolandirici.sirket.lan, addresses: [10.99.0.1], port: 80, attestation: a}, "
        "{host: degisen.sirket.lan, addresses: [10.99.0.1], port: 8000, attestation: a}, "
        "{host: iki.example, addresses: [127.0.0.1], port: 80, attestation: a}]\n"
    )
    return [
        Trick(
            "name of a liar",
            "a listed name that resolves elsewhere",
            "http://dolandirici.sirket.lan/v1",
            operator=listed,
        ),
        Trick(
            "name that changes",
            "checked as one, connected as another",
            "http://degisen.sirket.lan:8000/v1",
            operator=listed,
        ),
        Trick(
            "name with two ends", "one address is listed, the other is not", "http://iki.example/v1", operator=listed
        ),
        Trick(
            "port of a forwarder", "loopback, but no listed port: a proxy may listen there", "http://127.0.0.1:3128/v1"
        ),
        Trick("unix socket", "a path for a host", "http+unix://%2Ftmp%2Fkotu.sock/v1"),
        Trick("unix scheme", "the same", "unix:///tmp/kotu.sock"),
        Trick("ftp", "another protocol", "ftp://kotu.example/v1"),
        Trick("websocket", "another protocol", "ws://kotu.example/v1"),
        Trick(
            "line break in the address",
            "a header smuggled into the URL",
            "http://127.0.0.1:8000/v1\r\nHost: kotu.example",
        ),
        Trick("https", "an unlisted place over TLS", "https://kotu.example/v1"),
        Trick(
            "contract too low",
            "a contract for internal rows only",
            "https://kotu.example/v1",
            operator=LISTED + _CONTRACT,
        ),
        Trick("contract without TLS", "internal rows over http", level="internal", operator=LISTED + _CONTRACT),
        Trick("special under contract", "rows of art. 6", "https://kotu.example/v1", "special", LISTED + _CONTRACT),
        Trick(
            "special cleaned",
            "rows of art. 6, redacted",
            "https://kotu.example/v1",
            "special",
            LISTED + _CLEANED,
            recipe={"privacy": {"clean": "redact"}},
        ),
        Trick(
            "cleaned above its level",
            "confidential rows where only cleaned internal ones may go",
            "https://kotu.example/v1",
            operator=LISTED + _CLEANED,
            recipe={"privacy": {"clean": "pseudonymise"}},
        ),
        Trick("nothing listed", "no operator's file at all", operator=""),
    ]


def _words() -> list[Trick]:
    grants = (
        "local: [{host: 203.0.113.0/24, ports: [80], attestation: a}]\n"
        "external: [{host: kotu.example, ports: [80], contract: c, accepts: confidential}]\n"
    )
    evil = "http://203.0.113.7/v1"
    return [
        Trick(
            f"operator's file {place}",
            "a recipe folder that grants itself something",
            evil,
            operator=grants,
            place=place,
        )
        for place in ("beside", "named", "linked", "borrowed", "changed")
    ] + [
        Trick(
            "host header", "a header set by the recipe", HERE, settings={"extra": {"headers": {"Host": "kotu.example"}}}
        ),
        Trick("served_as", "a teacher that calls itself another", settings={"served_as": "http://127.0.0.1:8000/v1"}),
        *(
            Trick(f"purpose {purpose}", "not the rows themselves, but what is made of them", purpose=purpose)
            for purpose in ("judge", "growth", "audition", "pilot", "evaluation", "chat")
        ),
        Trick("few-shots", "public rows, a person's data among the examples", level="public", system=f"Örnek: {MAIL}"),
        *(
            Trick(f"marked public: {what}", "rows that somebody called public", level="public", text=text)
            for what, text in {
                "TCKN": f"TC kimlik no: {TCKN}",
                "TCKN apart": "kimlik 123 456 789 50",
                "TCKN full-width": "kimlik １２３４５６７８９５０",
                "TCKN zero-width": "kimlik 123\u200b456\u200b789\u200b50",
                "phone": f"beni {PHONE} numarasından arayın",
                "mail": f"adresim {MAIL}",
                "IBAN": f"{IBAN} hesabına",
                "card": "kart 4111 1111 1111 1111",
            }.items()
        ),
        Trick("detector that crashes", "public rows where the detector fails", level="public", how="crashing_detector"),
        Trick(
            "detector that hangs",
            "public rows where a detector that the operator added never ends",
            level="public",
            how="hanging_detector",
            operator=LISTED + "detectors: {add: [email]}\n",
            parts=1,
        ),
        Trick(
            "ensemble",
            "a vote of which one member is outside",
            recipe={
                "teachers": {
                    "t": {"use": "ensemble", "by": "vote", "teachers": ["dis", "yerel"]},
                    "dis": _outside(),
                    "yerel": {**_outside(), "base_url": HERE},
                }
            },
        ),
        Trick(
            "ensemble, mixed",
            "each row answered by one of two, one of them outside",
            recipe={
                "teachers": {
                    "t": {"use": "ensemble", "by": "mix", "teachers": ["dis", "yerel"]},
                    "dis": _outside(),
                    "yerel": {**_outside(), "base_url": HERE},
                }
            },
        ),
        Trick(
            "cleaned, but not all of it",
            "internal rows, redacted, whose canary would still be a trade secret where nobody accepts cleaned rows",
            "https://kotu.example/v1",
            "internal",
            recipe={"privacy": {"clean": "redact"}},
        ),
        Trick(
            "retries",
            "a local teacher that fails, and a second that is not local",
            HERE,
            rules=(Rule("500", after=3, times=300),),
            settings={"timeout": 2},
        ),
        Trick("broken connections", "a local teacher that resets", HERE, rules=(Rule("reset", after=3, times=60),)),
        Trick("error messages", "a refusal that says the question again", HERE, rules=(Rule("404", after=3),)),
        Trick("answers that are links", "an answer that names another place", HERE),
        Trick(
            "routing",
            "public rows outside, others here: one marked public holds a person's data",
            level="public",
            text=f"TC kimlik no: {TCKN}",
            how="whole_run",
            codes=(0,),
            recipe={
                "teachers": {"t": _outside(), "yerel": {**_outside(), "base_url": HERE}},
                "generate": {"teacher": {"public": "t", "otherwise": "yerel"}},
            },
        ),
        Trick("whole run", "imbik run on a recipe, as a person types it", how="whole_run"),
        Trick(
            "whole run, marked public",
            "the same with a column that calls every row public",
            level="public",
            text=f"TC kimlik no: {TCKN}",
            how="whole_run",
        ),
    ]


TRICKS = [*_proxies(), *_redirects(), *_hosts(), *_names(), *_words()]
