//! Addresses that are no public host, after the IANA registries of special-purpose addresses
//! (RFC 6890; <https://www.iana.org/assignments/iana-ipv4-special-registry>, `…-ipv6-…`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a block is for.
type Block<Ip> = (Ip, u32, &'static str);

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

const IPV4: &[Block<Ipv4Addr>] = &[
    (v4(0, 0, 0, 0), 8, "this network (RFC 791)"),
    (v4(10, 0, 0, 0), 8, "private (RFC 1918)"),
    (v4(100, 64, 0, 0), 10, "shared by a provider (RFC 6598)"),
    (v4(127, 0, 0, 0), 8, "loopback (RFC 1122)"),
    // Metadata of most clouds: 169.254.169.254.
    (v4(169, 254, 0, 0), 16, "link-local (RFC 3927)"),
    (v4(172, 16, 0, 0), 12, "private (RFC 1918)"),
    (v4(192, 0, 0, 0), 24, "of protocols (RFC 6890)"),
    (v4(192, 0, 2, 0), 24, "for documentation (RFC 5737)"),
    (v4(192, 88, 99, 0), 24, "a 6to4 relay (RFC 7526)"),
    (v4(192, 168, 0, 0), 16, "private (RFC 1918)"),
    (v4(198, 18, 0, 0), 15, "for benchmarks (RFC 2544)"),
    (v4(198, 51, 100, 0), 24, "for documentation (RFC 5737)"),
    (v4(203, 0, 113, 0), 24, "for documentation (RFC 5737)"),
    (v4(224, 0, 0, 0), 4, "multicast (RFC 5771)"),
    (
        v4(240, 0, 0, 0),
        4,
        "reserved or broadcast (RFC 1112, RFC 919)",
    ),
    // Public by number, and answered by the host of an Azure machine.
    (v4(168, 63, 129, 16), 32, "a cloud's own (Azure)"),
];

const fn v6(a: u16, b: u16, c: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
}

/// Within 2000::/3, besides which nothing is public (RFC 4291 §2.4). ULA, where clouds have
/// metadata too (fd00:ec2::254), link-local and multicast are outside of it, and so is what
/// has an IPv4 address in it: ::/96, ::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48.
const IPV6: &[Block<Ipv6Addr>] = &[
    // Teredo, benchmarks, ORCHID.
    (v6(0x2001, 0, 0), 23, "of protocols (RFC 2928, RFC 4380)"),
    (v6(0x2001, 0xdb8, 0), 32, "for documentation (RFC 3849)"),
    (v6(0x2002, 0, 0), 16, "6to4 (RFC 3056)"),
    (v6(0x3fff, 0, 0), 20, "for documentation (RFC 9637)"),
    (v6(0x2620, 0x4f, 0x8000), 48, "of AS112 (RFC 7534)"),
];

/// What an address outside of 2000::/3 is called, where it has a name.
const IPV6_NAMED: &[Block<Ipv6Addr>] = &[
    (Ipv6Addr::LOCALHOST, 128, "loopback (RFC 4291)"),
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified (RFC 4291)"),
    (
        Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0),
        96,
        "an IPv4 address mapped (RFC 4291)",
    ),
    (Ipv6Addr::UNSPECIFIED, 96, "compatible with IPv4 (RFC 4291)"),
    (v6(0x64, 0xff9b, 0), 96, "NAT64 (RFC 6052)"),
    (v6(0x64, 0xff9b, 1), 48, "NAT64 (RFC 8215)"),
    (v6(0x100, 0, 0), 64, "discarded (RFC 6666)"),
    (v6(0x5f00, 0, 0), 16, "segment routing (RFC 9602)"),
    (v6(0xfc00, 0, 0), 7, "private (RFC 4193)"),
    (v6(0xfe80, 0, 0), 10, "link-local (RFC 4291)"),
    (v6(0xfec0, 0, 0), 10, "site-local (RFC 3879)"),
    (v6(0xff00, 0, 0), 8, "multicast (RFC 4291)"),
];

const PUBLIC_IPV6: (Ipv6Addr, u32) = (v6(0x2000, 0, 0), 3);

/// What the address is, if it is no public host.
pub(super) fn purpose(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => {
            let mut blocks = IPV4.iter();
            let block = blocks.find(|(net, len, _)| has_v4(*net, *len, ip));
            block.map(|(.., what)| *what)
        }
        IpAddr::V6(ip) => {
            let (public, len) = PUBLIC_IPV6;
            let is_public = has_v6(public, len, ip);
            let blocks = if is_public { IPV6 } else { IPV6_NAMED };
            let block = blocks.iter().find(|(net, len, _)| has_v6(*net, *len, ip));
            let named = block.map(|(.., what)| *what);
            named.or((!is_public).then_some("not assigned (RFC 4291)"))
        }
    }
}

/// The IPv4 host that a NAT64 of the well-known prefix makes of an address.
pub(super) fn behind_nat64(ip: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(ip) = ip else { return None };
    let [.., a, b, c, d] = ip.octets();
    has_v6(v6(0x64, 0xff9b, 0), 96, ip).then(|| v4(a, b, c, d).into())
}

/// The first `len` bits of both are the same.
pub(super) fn has_v4(net: Ipv4Addr, len: u32, ip: Ipv4Addr) -> bool {
    (net.to_bits() ^ ip.to_bits())
        .checked_shr(32 - len)
        .unwrap_or(0)
        == 0
}

/// The first `len` bits of both are the same.
pub(super) fn has_v6(net: Ipv6Addr, len: u32, ip: Ipv6Addr) -> bool {
    (net.to_bits() ^ ip.to_bits())
        .checked_shr(128 - len)
        .unwrap_or(0)
        == 0
}
