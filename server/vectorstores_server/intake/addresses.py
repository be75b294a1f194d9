"""Addresses of the public internet. The lists are written out, because Python's own differ from version to version.

Source: IANA's registries of special-purpose addresses for IPv4 and IPv6, RFC 6890 and what it cites.
"""

import ipaddress

_IPV4_SPECIAL = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_IPV6_GLOBAL = ipaddress.IPv6Network("2000::/3")
_IPV6_SPECIAL = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments, Teredo (2001::/32) and ORCHID among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # the former 6bone
        "3fff::/20",  # documentation
    )
)
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The upper half of an interface identifier whose lower half is an IPv4 address (RFC 5214)."""


def is_public(address: str) -> bool:
    """Tell whether an address is one of the public internet's, also when it is an IPv4 address written in IPv6.

    IPv6 addresses that tunnel or translate IPv4 (6to4, Teredo, NAT64, ISATAP, IPv4-compatible) are not: where they end
    depends on the network. Raises ValueError for what is no address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _IPV4_SPECIAL)
    if ip.ipv4_mapped is not None:
        return is_public(str(ip.ipv4_mapped))
    if ip not in _IPV6_GLOBAL or any(ip in network for network in _IPV6_SPECIAL):
        return False
    return (int(ip) >> 32) & 0xFFFFFFFF not in _ISATAP
