"""What a URL and an address really are, and the odd ones that are never spoken to.

Enters: a URL from a recipe, an address from the resolver. Leaves: an Endpoint with one unambiguous host and port, an
address in its normal form, or a refusal. `2130706433` and `0x7f.1` reach loopback though no parser calls them
addresses, and `::ffff:8.8.8.8` is 8.8.8.8: two spellings of one host must never meet two rules.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

from imbik.core.errors import UsageError

_LIKE = "write it like https://api.example.com/v1 or http://127.0.0.1:8000/v1"
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_NUMERIC = re.compile(r"^(0[xX][0-9a-fA-F]*|\d+)$")
_NAME = re.compile(r"^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*$")
# Where clouds answer questions about the machine itself; 169.254/16 is refused as link-local.
_METADATA = tuple(
    ip_network(text) for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
# IPv6 spellings of IPv4 addresses that a tunnel or a translator would take apart again: IPv4-compatible (RFC 4291),
# IPv4-translated (RFC 2765), 6to4 (RFC 3056), Teredo (RFC 4380). Nobody serves a model there.
_TUNNELS = tuple(ip_network(text) for text in ("::/96", "::ffff:0:0:0/96", "2002::/16", "2001::/32"))
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: how machines that speak IPv6 only reach public IPv4 addresses
_NOWHERE = (ip_network("0.0.0.0/8"), ip_network("240.0.0.0/4"))
_DOTS = re.compile(r"[。．｡]")


@dataclass(frozen=True)
class Endpoint:
    """Scheme, host (lower case, without brackets or a final dot) and port of a URL; `literal`: the host is an IP."""

    scheme: str
    host: str
    port: int
    literal: Address | None = None

    def __hash__(self) -> int:
        """Without `literal`, which the host spells already: hashing an address is slow, and every request does it."""
        return hash((self.scheme, self.host, self.port))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@lru_cache(maxsize=4096)
def normal(text: str) -> Address:
    """An address in its one form: IPv4-mapped IPv6 becomes IPv4, a zone index is dropped.

    Raises: ValueError when the text is no address.
    """
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def endpoint(url: str) -> Endpoint:
    """The endpoint of a URL.

    Raises: UsageError for anything but http(s) to one plainly written host.
    """
    _plainly_written(url)
    try:
        parsed = URL(url)
        host, port = (parsed.raw_host or "").lower().removesuffix("."), parsed.port
    except ValueError as error:
        raise UsageError(f"this is not a URL ({error})", where=url, next=_LIKE) from None
    if parsed.scheme not in {"http", "https"} or not host or not port:
        raise UsageError("a teacher's URL starts with http:// or https:// and names a host", where=url, next=_LIKE)
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise UsageError(
            "a URL with a user or password in it is refused",
            where=str(parsed.with_user(None)),
            next="take them out and name the key: key: IMBIK_MY_KEY (export IMBIK_MY_KEY=…)",
        )
    return Endpoint(parsed.scheme, host, port, _literal(host, url))


def _plainly_written(url: str) -> None:
    """Refuse what parsers drop or rewrite in silence: white space, control characters, other kinds of digits and dots,
    percent signs in the host, a fragment.

    Raises: UsageError.
    """
    shown = ascii(url)[1:-1]
    if any(unicodedata.category(char)[0] in "CZ" for char in url):
        raise UsageError("a URL holds no white space and no control characters", where=shown, next=_LIKE)
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    odd = unicodedata.normalize("NFKC", authority) != unicodedata.normalize("NFC", authority)
    if odd or "%" in authority.rpartition("@")[2] or _DOTS.search(authority):
        raise UsageError("this host is not written plainly", where=shown, next="write it in plain letters and digits")
    if "#" in url:
        raise UsageError("a teacher's URL has no fragment (#)", where=shown, next="leave out # and all behind it")


def _literal(host: str, url: str) -> Address | None:
    """The address a host spells, or None for a name; spellings that only some programs read are refused."""
    try:
        return normal(host)
    except ValueError:
        pass
    if _NUMERIC.match(host.rpartition(".")[2]):
        raise UsageError(
            "this host is a number that some programs read as an address and others do not",
            where=url,
            next="write the address in full, such as 127.0.0.1",
        )
    if not _NAME.match(host):
        raise UsageError("this is not a host name", where=url, next=_LIKE)
    return None


def refusal(address: Address) -> str:
    """Why an address is never spoken to, whatever the operator lists; empty when it may be."""
    if address.is_unspecified or address.is_multicast or any(address in area for area in _NOWHERE):
        return f"{address} is no single machine's address"
    if any(address in area for area in _TUNNELS) and not address.is_loopback:
        return f"{address} hides another address"
    if address in _NAT64 and not IPv4Address(address.packed[-4:]).is_global:
        return f"{address} leads to an address that is not public"
    if address.is_link_local or any(address in network for network in _METADATA):
        return f"{address} is where a cloud answers for the machine itself (link-local or metadata)"
    return ""


@lru_cache(maxsize=4096)
def network(text: str) -> Network | None:
    """The network a line of the operator's file spells (one address is a network of one), or None for a host name."""
    try:
        return ip_network(str(normal(text)) if "/" not in text else text)
    except ValueError:
        return None


def may_be_behind(host: str, ports: tuple[int, ...], served: Endpoint) -> bool:
    """Whether an operator's line (a name, an address or a network, and ports) may cover an endpoint: by name, by
    address, or by a network that its name may resolve into."""
    area = network(host)
    named = host.lower() == served.host if area is None else served.literal is None or served.literal in area
    return named and served.port in ports
