"""Where a request may go: http and https, no credentials in the URL, public addresses only.

A name is resolved once; the addresses that were judged are the ones that are connected to.
"""

import re
import socket
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from itertools import chain

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from jobs.outbound.errors import AddressRefused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
SCHEMES = frozenset({"http", "https"})
LONGEST_URL = 8190
NAME = re.compile(  # as IDNA leaves it, in ASCII
    r"(?=.{1,254}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE
)
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
SPECIAL = (  # in IANA's registries of special-purpose addresses, yet global to Python 3.11
    IPv4Network("192.0.0.0/24"),  # protocol assignments; .9 and .10 are no place for a URL either
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, deprecated by RFC 7526
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
)
EVERYWHERE = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))


def parsed(text: str) -> URL:
    """The URL without its fragment. Raises AddressRefused; the message never repeats the text."""
    if len(text) > LONGEST_URL:
        raise AddressRefused(f"the URL is longer than {LONGEST_URL} characters.")
    try:
        url = URL(text.strip())
    except ValueError as error:
        raise AddressRefused("this is not a URL.") from error
    host = host_of(url)
    if url.scheme not in SCHEMES or not host:
        raise AddressRefused("a URL begins with http:// or https:// and names a host.")
    if url.user is not None or url.password is not None:
        raise AddressRefused("credentials do not belong in a URL.")
    if ":" not in host and not NAME.fullmatch(host):
        raise AddressRefused("the URL's host is neither a name nor an address.")
    return url.with_fragment(None)


def host_of(url: URL) -> str:
    """As it is connected to and shown: in ASCII."""
    return url.raw_host or ""


@dataclass(frozen=True, slots=True)
class Rules:
    """Which addresses may be connected to: public ones, and those that the operator allows."""

    allowed: tuple[Network, ...] = ()

    def permits(self, address: Address) -> bool:
        return is_public(address) or any(address in network for network in self.allowed)

    def check_literal(self, host: str) -> None:
        """Raise AddressRefused where `host` is written as an address that is not permitted.

        Resolvers never see those. 127.1 and 2130706433 are addresses to the system, not to us.
        """
        try:
            address = ip_address(host)
        except ValueError:
            if ":" in host or host.replace(".", "").isdigit():
                raise AddressRefused(f"{host} is no complete address.") from None
            return
        if not self.permits(address):
            raise AddressRefused(f"{host} is not a public address.")


class GuardedResolver(AbstractResolver):
    """Another resolver's answers, refused as a whole where one address is not permitted."""

    def __init__(self, inner: AbstractResolver, rules: Rules) -> None:
        self._inner = inner
        self._rules = rules

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not all(self._rules.permits(ip_address(result["host"])) for result in found):
            raise AddressRefused(f"{host} resolves to an address that is not public.")
        return found

    async def close(self) -> None:
        await self._inner.close()


def is_public(address: Address) -> bool:
    """Whether the address, and each IPv4 address inside it, is one of the internet at large."""
    if isinstance(address, IPv6Address) and (inner := _embedded(address)):
        return all(map(is_public, inner))
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or (isinstance(address, IPv6Address) and address.is_site_local)
        or any(address in network for network in SPECIAL)
    )


def _embedded(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """IPv4 addresses that a packet to this one ends at: mapped, 6to4, Teredo, NAT64."""
    if address in NAT64:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    whole = (address.ipv4_mapped, address.sixtofour)
    return tuple(filter(None, chain(whole, address.teredo or ())))
