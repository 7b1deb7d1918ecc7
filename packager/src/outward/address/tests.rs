use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn is_called(ip: IpAddr) -> bool {
    judge(ip, &[]).is_ok()
}

#[test]
fn first_and_last_of_each_special_block_are_refused_and_their_neighbours_are_not() {
    for (first, last, public_before, public_after) in [
        ("0.0.0.0", "0.255.255.255", "", "1.0.0.0"),
        ("10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
        (
            "100.64.0.0",
            "100.127.255.255",
            "100.63.255.255",
            "100.128.0.0",
        ),
        (
            "127.0.0.0",
            "127.255.255.255",
            "126.255.255.255",
            "128.0.0.0",
        ),
        (
            "168.63.129.16",
            "168.63.129.16",
            "168.63.129.15",
            "168.63.129.17",
        ),
        (
            "169.254.0.0",
            "169.254.255.255",
            "169.253.255.255",
            "169.255.0.0",
        ),
        (
            "172.16.0.0",
            "172.31.255.255",
            "172.15.255.255",
            "172.32.0.0",
        ),
        ("192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"),
        ("192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"),
        (
            "192.88.99.0",
            "192.88.99.255",
            "192.88.98.255",
            "192.88.100.0",
        ),
        (
            "192.168.0.0",
            "192.168.255.255",
            "192.167.255.255",
            "192.169.0.0",
        ),
        (
            "198.18.0.0",
            "198.19.255.255",
            "198.17.255.255",
            "198.20.0.0",
        ),
        (
            "198.51.100.0",
            "198.51.100.255",
            "198.51.99.255",
            "198.51.101.0",
        ),
        (
            "203.0.113.0",
            "203.0.113.255",
            "203.0.112.255",
            "203.0.114.0",
        ),
        ("224.0.0.0", "255.255.255.255", "223.255.255.255", ""),
        // All below and above 2000::/3.
        (
            "::",
            "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "",
            "2000::",
        ),
        (
            "2001::",
            "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2000::1",
            "2001:200::",
        ),
        (
            "2001:db8::",
            "2001:db8:ffff::1",
            "2001:db7::1",
            "2001:db9::",
        ),
        ("2002::", "2002:ffff::1", "2001:ffff::1", "2003::"),
        (
            "2620:4f:8000::",
            "2620:4f:8000:ffff::1",
            "2620:4f:7fff::1",
            "2620:4f:8001::",
        ),
        ("3fff::", "3fff:fff:ffff::1", "3ffe::1", "3fff:1000::"),
        (
            "4000::",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "3fff:ffff::1",
            "",
        ),
    ] {
        for special in [first, last] {
            assert!(!is_called(ip(special)), "{special}");
        }
        for public in [public_before, public_after]
            .iter()
            .filter(|it| !it.is_empty())
        {
            assert!(is_called(ip(public)), "{public}");
        }
    }
}

#[test]
fn what_attackers_aim_at_is_refused_by_its_name() {
    for (target, what) in [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("fd00:ec2::254", "private"),
        ("fd20:ce::254", "private"),
        ("100.100.100.200", "shared"),
        ("192.0.0.192", "of protocols"),
        ("168.63.129.16", "Azure"),
        ("::ffff:169.254.169.254", "mapped"),
        ("::127.0.0.1", "compatible"),
        ("64:ff9b::a9fe:a9fe", "NAT64"),
        ("64:ff9b:1::a9fe:a9fe", "NAT64"),
        ("2002:7f00:1::", "6to4"),
        ("2001:0:7f00:1::", "of protocols"),
        ("fe80::1", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("5f00::1", "segment routing"),
        ("100::1", "discarded"),
    ] {
        let said = judge(ip(target), &[]).unwrap_err();
        assert!(said.contains(what), "{target}: {said}");
    }
    for public in ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "2a00:1450::1"] {
        assert!(is_called(ip(public)), "{public}");
    }
}

#[test]
fn a_network_that_is_allowed_opens_itself_and_nothing_else() {
    let allowed: Vec<Network> = ["10.1.0.0/16", "::1"].map(|it| it.parse().unwrap()).into();
    for (target, may) in [
        ("10.1.2.3", true),
        ("10.2.0.0", false),
        ("::1", true),
        ("::2", false),
        ("::ffff:10.1.2.3", false),
        ("8.8.8.8", true),
    ] {
        assert_eq!(judge(ip(target), &allowed).is_ok(), may, "{target}");
    }
    let nat64 = ["64:ff9b::/96".parse().unwrap()];
    assert!(judge(ip("64:ff9b::808:808"), &nat64).is_ok());
    assert!(judge(ip("64:ff9b::a9fe:a9fe"), &nat64).is_err());
}

#[test]
fn a_network_is_written_as_its_first_address_and_a_length() {
    for good in ["0.0.0.0/0", "10.0.0.0/8", "::/0", "fd00::/8", "10.0.0.1/32"] {
        assert_eq!(good.parse::<Network>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "::1/64",
        "a/8",
        "::/129",
    ] {
        assert!(bad.parse::<Network>().is_err(), "{bad}");
    }
}

proptest! {
    /// The standard library knows some of these blocks by itself.
    #[test]
    fn no_address_is_called_that_the_standard_library_calls_special(bits: u32, host: u128) {
        let v4 = Ipv4Addr::from_bits(bits);
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local()
            || v4.is_multicast() || v4.is_broadcast() || v4.is_documentation()
            || v4.is_unspecified();
        prop_assert!(!(special && is_called(v4.into())), "{v4}");
        // Nor in any form that has it within.
        let low = u128::from(bits);
        for high in [0, 0xffff << 32, 0x0064_ff9b << 96, 0x0064_ff9b_0001 << 80] {
            let v6 = Ipv6Addr::from_bits(high | low);
            prop_assert!(!is_called(v6.into()), "{v6}");
        }
        let six_to_four = Ipv6Addr::from_bits((0x2002 << 112) | (low << 80) | (host >> 48));
        prop_assert!(!is_called(six_to_four.into()), "{six_to_four}");
        let v6 = Ipv6Addr::from_bits(host);
        let special = v6.is_loopback() || v6.is_multicast() || v6.is_unique_local()
            || v6.is_unicast_link_local() || v6.is_unspecified();
        prop_assert!(!(special && is_called(v6.into())), "{v6}");
    }

    #[test]
    fn a_network_has_what_shares_its_first_bits(bits: u32, other: u32, len in 0_u32..=32) {
        let mask = u32::MAX.checked_shl(32 - len).unwrap_or(0);
        let first = Ipv4Addr::from_bits(bits & mask);
        let network: Network = format!("{first}/{len}").parse().unwrap();
        let shares = (bits & mask) == (other & mask);
        prop_assert_eq!(network.has(Ipv4Addr::from_bits(other).into()), shares);
    }
}
