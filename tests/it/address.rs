//! Every row of tests/corpus/address/ip-cases.tsv as a test under its id.
//!
//! The corpus says in prose what is right and where the case comes from; the expectation in code stands beside the id
//! here. Rows of the kinds `resolve` and `tenant` test the pure function that the resolving and storing layers use.

use std::net::IpAddr;

use postern::domain::address::overlap::{self, Relation};
use postern::domain::address::placement::{self, Placed, TunnelEnds};
use postern::domain::address::{
    Answers, Class, Classified, Code, Kind, Options, classify, classify_ip, compare, judge_answers, parse_address,
    parse_network, same_class, unapproved,
};
use postern::domain::contact::{ContactError, HostName, Resolver};

const CORPUS: &str = include_str!("../corpus/address/ip-cases.tsv");
const STRICT: Options = Options { allow_documentation: false };
const LAB: Options = Options { allow_documentation: true };

/// A row of the corpus.
struct Row {
    id: String,
    input: &'static str,
}

impl Row {
    fn of(test: &str) -> Self {
        let id = test.to_uppercase();
        let line = CORPUS.lines().find(|line| line.split('\t').next() == Some(&id)).expect("the id is in the corpus");
        Self { id, input: line.split('\t').nth(3).expect("the row has an input") }
    }

    /// Checks that the corpus row holds the input, so that a test cannot drift away from its row.
    fn holds(&self, input: &str) {
        let written = input.replace('\0', "\\x00");
        let tail = written.strip_prefix("10.0.0.0").filter(|tail| tail.starts_with('/')).unwrap_or(&written);
        assert!(self.input.contains(&written) || self.input.contains(tail), "{} does not hold {input:?}", self.id);
    }

    fn accepts(&self, input: &str, class: Class, canonical: &str) -> Verdict {
        self.holds(input);
        let verdict = classify(input, STRICT);
        assert_eq!(verdict.class, class, "{} {input:?}: {verdict:?}", self.id);
        assert_eq!(verdict.canonical.as_deref(), Some(canonical), "{} {input:?}", self.id);
        assert_eq!((verdict.code, &verdict.reason), (None, &None), "{} {input:?}", self.id);
        assert_eq!(verdict.input, input);
        Verdict(verdict)
    }

    fn private(&self, input: &str) -> Verdict {
        self.accepts(input, Class::Private, input)
    }

    fn shared(&self, input: &str) -> Verdict {
        self.accepts(input, Class::Shared, input).warns("overlay VPNs").source("RFC 6598, 100.64.0.0/10")
    }

    fn public(&self, input: &str) -> Verdict {
        self.accepts(input, Class::Public, input).reachable(Some(true))
    }

    fn refuses(&self, input: &str, code: Code) -> Verdict {
        self.holds(input);
        let verdict = classify(input, STRICT);
        assert_eq!((verdict.class, verdict.code), (Class::Rejected, Some(code)), "{} {input:?}: {verdict:?}", self.id);
        assert!(verdict.reason.as_deref().is_some_and(|reason| reason.len() > 20), "{} {input:?}", self.id);
        assert_eq!(verdict.input, input);
        // A refused literal is no host name either, so that nothing falls through to a resolver.
        assert!(HostName::parse(input).is_err(), "{} {input:?} is taken for a host name", self.id);
        Verdict(verdict)
    }

    fn host(&self, input: &str) -> Result<HostName, ContactError> {
        self.holds(input);
        HostName::parse(input)
    }
}

/// A verdict under test.
struct Verdict(Classified);

impl Verdict {
    fn source(self, source: &str) -> Self {
        assert_eq!(self.0.source.as_deref(), Some(source), "{:?}", self.0);
        self
    }

    fn canonical(self, canonical: &str) -> Self {
        assert_eq!(self.0.canonical.as_deref(), Some(canonical), "{:?}", self.0);
        self
    }

    fn reachable(self, reachable: Option<bool>) -> Self {
        assert_eq!(self.0.reachable, reachable, "{:?}", self.0);
        self
    }

    fn suggests(self, suggestions: &[&str]) -> Self {
        assert_eq!(self.0.suggest, suggestions, "{:?}", self.0);
        self
    }

    fn says(self, words: &str) -> Self {
        assert!(self.0.reason.as_deref().unwrap_or_default().contains(words), "{words:?} in {:?}", self.0);
        self
    }

    fn warns(self, words: &str) -> Self {
        assert!(self.0.warnings.iter().any(|warning| warning.contains(words)), "{words:?} in {:?}", self.0);
        self
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| ip(text)).collect()
}

fn net(text: &str) -> ipnet::IpNet {
    parse_network(text).unwrap()
}

fn placed<'a>(routing_domain: &'a str, customer: &'a str, tunnel: &'a str, network: &str) -> Placed<'a> {
    Placed { routing_domain, customer, tunnel, network: net(network) }
}

macro_rules! rows {
    ($($id:ident => $check:expr;)+) => {
        $(#[test] fn $id() {
            let check: fn(&Row) = $check;
            check(&Row::of(stringify!($id)));
        })+

        const TESTED: &[&str] = &[$(stringify!($id)),+];
    };
}

#[test]
fn every_row_of_the_corpus_has_a_test() {
    let ids: Vec<String> = CORPUS.lines().skip(1).map(|line| line.split('\t').next().unwrap().to_lowercase()).collect();
    assert_eq!(ids, TESTED);
    assert_eq!(ids.len(), 109);
}

// Text of an IPv4 address.
rows! {
    i001 => |row| { row.refuses("010.8.8.8", Code::LeadingZero).says("octal").suggests(&[]); };
    i002 => |row| { row.refuses("0127.0.0.1", Code::LeadingZero).suggests(&[]); };
    i004 => |row| { row.refuses("10.0.0.01", Code::LeadingZero).suggests(&[]); };
    i005 => |row| { row.refuses("08.8.8.8", Code::LeadingZero); };
    i006 => |row| { row.refuses("127.1", Code::ShortForm).says("needs four"); };
    i007 => |row| { row.refuses("10.1", Code::ShortForm).suggests(&[]); };
    i008 => |row| { row.refuses("10.0.0", Code::ShortForm).says("3 numbers"); };
    i009 => |row| { row.refuses("0x7f.1", Code::NotDecimal).says("0x7f"); };
    i010 => |row| { row.refuses("0x7f000001", Code::NotDecimal); };
    i011 => |row| { row.refuses("2130706433", Code::NotDecimal).says("plain number"); };
    i013 => |row| { row.refuses("01200034567", Code::NotDecimal); };
    i014 => |row| { row.refuses("999.999.999.999", Code::OctetRange).says("255"); };
    i015 => |row| { row.refuses("10.0.0.0.1", Code::TooManyParts).says("5 numbers"); };
    i016 => |row| { row.refuses("10.0.0.5.", Code::TrailingDot).suggests(&["10.0.0.5"]); };
    i017 => |row| { row.refuses("169.254.169.254.", Code::TrailingDot).suggests(&[]).says("Link Local"); };
    i018 => |row| {
        row.accepts(" 10.0.0.5 ", Class::Private, "10.0.0.5").source("RFC 1918, 10.0.0.0/8").warns("\"10.0.0.5\"");
    };
    i019 => |row| { row.refuses("10.0.0.5 ; 8.8.8.8", Code::TrailingText).suggests(&[]); };
    i020 => |row| { row.refuses("10.0.0x1.0", Code::NotDecimal).says("0x1"); };
    i021 => |row| { row.refuses("10.0.0.5\0.evil.example", Code::ControlChar).suggests(&[]); };

    // Characters outside ASCII.
    i022 => |row| { row.refuses("127.0.0.١", Code::NonAscii).says("U+0661"); };
    i023 => |row| { row.refuses("1২7.0.0.1", Code::NonAscii).says("U+09E8"); };
    i024 => |row| { row.refuses("１２７.0.0.1", Code::NonAscii).suggests(&[]); };
    i026 => |row| { row.refuses("127。0。0。1", Code::NonAscii).says("U+3002"); };
    i027 => |row| { row.refuses("２００１:db8::1", Code::NonAscii); };

    // Classes of IPv4.
    i028 => |row| { row.private("10.20.30.40").source("RFC 1918, 10.0.0.0/8").reachable(Some(false)); };
    i029 => |row| {
        row.public("172.15.255.255");
        row.private("172.16.0.0").source("RFC 1918, 172.16.0.0/12");
        row.private("172.31.255.255").source("RFC 1918, 172.16.0.0/12");
        row.public("172.32.0.0");
    };
    i030 => |row| {
        row.public("192.167.255.255");
        row.private("192.168.0.1").source("RFC 1918, 192.168.0.0/16");
        row.public("192.169.0.0");
    };
    i031 => |row| { row.shared("100.64.0.1").warns("only where the tunnel lists it").reachable(Some(false)); };
    i032 => |row| {
        row.shared("100.127.255.255");
        row.public("100.128.0.0");
    };
    i033 => |row| {
        row.refuses("0.0.0.0", Code::Unspecified).says("this host").source("RFC 1122 section 3.2.1.3, 0.0.0.0/32");
    };
    i034 => |row| { row.refuses("0.1.2.3", Code::ThisNetwork).source("RFC 791 section 3.2, 0.0.0.0/8"); };
    i035 => |row| { row.refuses("127.8.8.8", Code::Loopback).source("RFC 1122 section 3.2.1.3, 127.0.0.0/8"); };
    i036 => |row| {
        row.refuses("169.254.169.254", Code::LinkLocal).source("RFC 3927, 169.254.0.0/16").says("clouds");
    };
    i037 => |row| { row.refuses("192.0.0.8", Code::Dummy).source("RFC 7600, 192.0.0.8/32").reachable(Some(false)); };
    i038 => |row| {
        row.refuses("192.0.0.9", Code::AnycastService).source("RFC 7723, 192.0.0.9/32").reachable(Some(true));
        row.refuses("192.0.0.10", Code::AnycastService).source("RFC 8155, 192.0.0.10/32").reachable(Some(true));
    };
    i040 => |row| {
        row.refuses("192.88.99.2", Code::AnycastService).source("RFC 6751, 192.88.99.2/32").reachable(Some(false));
    };
    i041 => |row| {
        row.refuses("192.88.99.1", Code::Deprecated).source("RFC 7526, 192.88.99.0/24").reachable(None);
    };
    i042 => |row| {
        for input in ["192.0.2.25", "198.51.100.10", "203.0.113.5"] {
            let verdict = row.refuses(input, Code::Documentation).says("copied").reachable(Some(false));
            assert!(verdict.0.source.unwrap().starts_with("RFC 5737"));
            let allowed = classify(input, LAB);
            assert_eq!((allowed.class, allowed.code, allowed.reachable), (Class::Public, None, Some(false)));
            Verdict(allowed).warns("documentation");
        }
    };
    i043 => |row| { row.refuses("198.18.0.1", Code::Benchmarking).source("RFC 2544, 198.18.0.0/15"); };
    i044 => |row| {
        row.refuses("255.255.255.255", Code::Broadcast).source("RFC 8190; RFC 919 section 7, 255.255.255.255/32");
    };
    i045 => |row| { row.refuses("240.0.0.1", Code::Reserved).source("RFC 1112 section 4, 240.0.0.0/4"); };
    i046 => |row| {
        row.refuses("224.0.0.1", Code::Multicast).source("RFC 5771, 224.0.0.0/4").reachable(None);
        row.refuses("239.1.1.1", Code::Multicast).source("RFC 5771, 224.0.0.0/4");
    };
    i047 => |row| {
        // The contract decides over the corpus here: reachable and warned about, but rejected as a server.
        for (input, source) in [
            ("192.31.196.1", "RFC 7535, 192.31.196.0/24"),
            ("192.52.193.1", "RFC 7450, 192.52.193.0/24"),
            ("192.175.48.1", "RFC 7534, 192.175.48.0/24"),
        ] {
            let verdict = row.refuses(input, Code::AnycastService).source(source).reachable(Some(true));
            verdict.warns("service address, not a mail server");
        }
    };
    i048 => |row| { row.public("8.8.8.8"); };

    // Classes of IPv6.
    i049 => |row| { row.private("fd12:3456::25").source("RFC 4193; RFC 8190, fc00::/7"); };
    i050 => |row| {
        row.private("fc00::1");
        row.private("fdff::1");
        row.refuses("fbff::1", Code::Unallocated);
        row.refuses("fe00::1", Code::Unallocated);
    };
    i051 => |row| { row.refuses("000:0:0000::01", Code::Loopback).canonical("::1").source("RFC 4291, ::1/128"); };
    i052 => |row| { row.refuses("fe80::1", Code::LinkLocal).says("tunnel").source("RFC 4291, fe80::/10"); };

    // IPv4 inside IPv6.
    i053 => |row| {
        let verdict = row.accepts("::ffff:10.0.0.1", Class::Private, "10.0.0.1").source("RFC 1918, 10.0.0.0/8");
        assert_eq!(verdict.warns("IPv4-mapped").0.accepted_address(), Some(ip("10.0.0.1")));
    };
    i054 => |row| {
        row.refuses("::fFFf:127.0.0.1", Code::Loopback).canonical("127.0.0.1");
        row.refuses("::ffff:7f00:1", Code::Loopback).canonical("127.0.0.1");
    };
    i056 => |row| {
        row.refuses("::ffff:0:0", Code::Unspecified).canonical("0.0.0.0").source("RFC 1122 section 3.2.1.3, 0.0.0.0/32");
    };
    i057 => |row| { row.accepts("::ffff:8.8.8.8", Class::Public, "8.8.8.8").reachable(Some(true)); };
    i058 => |row| {
        row.refuses("::127.0.0.1", Code::Ipv4Compatible).source("RFC 4291 section 2.5.5.1, ::/96").says("127.0.0.1");
        row.refuses("::10.0.0.1", Code::Ipv4Compatible).says("10.0.0.1");
    };
    i060 => |row| { row.refuses("2002:a00:1::", Code::SixToFour).says("10.0.0.1").source("RFC 3056, 2002::/16"); };
    i061 => |row| {
        let verdict = row.refuses("2001:0:4136:e378:8000:63bf:3fff:fdd2", Code::Teredo).reachable(None);
        verdict.source("RFC 4380; RFC 8190, 2001::/32");
    };
    i062 => |row| {
        let verdict = row.refuses("64:ff9b::a00:1", Code::Nat64Private).says("RFC 6052").says("10.0.0.1 is private");
        verdict.source("RFC 6052, 64:ff9b::/96").reachable(Some(false));
    };
    i063 => |row| { row.public("64:ff9b::808:808").warns("8.8.8.8").source("RFC 6052, 64:ff9b::/96"); };
    i064 => |row| { row.refuses("64:ff9b:1::a00:1", Code::Nat64Local).source("RFC 8215, 64:ff9b:1::/48"); };
    i065 => |row| {
        row.refuses("::ffff:0:10.0.0.1", Code::Ipv4Translated).source("RFC 2765; RFC 6145, ::ffff:0:0:0/96");
    };
    i066 => |row| { row.refuses("2001:2::1", Code::Benchmarking).source("RFC 5180; errata 1752, 2001:2::/48"); };
    i067 => |row| {
        row.refuses("2001:1::3", Code::AnycastService).source("RFC 9665, 2001:1::3/128").reachable(Some(true));
    };
    i068 => |row| { row.refuses("2001:1::4", Code::ProtocolAssignment).source("RFC 2928, 2001::/23"); };
    i069 => |row| { row.refuses("5f00::1", Code::Srv6).source("RFC 9602, 5f00::/16").reachable(Some(false)); };
    i071 => |row| { row.refuses("100::1", Code::DiscardOnly).source("RFC 6666, 100::/64"); };
    i072 => |row| {
        row.refuses("2001:db8::10", Code::Documentation).source("RFC 3849, 2001:db8::/32");
        assert_eq!(classify("2001:db8::10", LAB).class, Class::Public);
    };
    i073 => |row| {
        row.refuses("3fff::1", Code::Documentation).source("RFC 9637, 3fff::/20");
        row.refuses("3fff:fff:ffff::1", Code::Documentation).source("RFC 9637, 3fff::/20");
        row.public("3fff:1000::1");
    };
    i074 => |row| { row.refuses("fec0::1", Code::SiteLocal).source("RFC 3879, fec0::/10"); };
    i075 => |row| { row.refuses("ff0e::1", Code::Multicast).source("RFC 4291, ff00::/8"); };
    i076 => |row| { row.refuses("4000::1", Code::Unallocated).says("2000::/3").says("not allocated"); };
    i077 => |row| { row.public("2606:4700:4700::1111"); };

    // Text of an IPv6 address.
    i078 => |row| { row.refuses("fe80::1%", Code::Zone).says("empty zone").says("RFC 4007"); };
    i079 => |row| { row.refuses("fe80::1%eth0/64", Code::Zone); };
    i080 => |row| {
        row.refuses("2001:db8::1%eth0", Code::Zone).says("eth0").suggests(&[]);
        row.refuses("::1%lo", Code::Zone).suggests(&[]);
    };
    i082 => |row| { row.refuses("2001:db8::0127.0.0.1", Code::LeadingZero).says("0127"); };
    i083 => |row| {
        row.refuses("2001:db8:::1", Code::NotAnAddress).says("three colons");
        row.refuses("1:2:3:4:5:6:7", Code::NotAnAddress).says("7 groups");
        row.refuses("::ffff:1.2.3.4.5", Code::NotAnAddress).says("5 numbers");
        row.refuses("12345::1", Code::NotAnAddress).says("more than four digits");
    };
    i084 => |row| {
        let verdict = row.refuses("0000:0000:0000:0000:0000:0000:0A14:0005", Code::Ipv4Compatible);
        verdict.canonical("::a14:5").says("10.20.0.5");
    };

    // Networks.
    i085 => |row| {
        row.refuses("10.0.0.5/8", Code::HostBits).suggests(&["10.0.0.5/32", "10.0.0.0/8"]).says("16,777,216 addresses");
    };
    i086 => |row| { row.refuses("10.0.0.0/", Code::PrefixMissing); };
    i087 => |row| {
        for input in ["10.0.0.0/08", "10.0.0.0/ 8", "10.0.0.0/+8", "10.0.0.0/-1", "10.0.0.0/8e0", "10.0.0.0/0x8"] {
            row.refuses(input, Code::PrefixSyntax).suggests(&[]);
        }
    };
    i088 => |row| {
        row.refuses("10.0.0.0/33", Code::PrefixRange).says("32");
        row.refuses("2001:db8::/129", Code::PrefixRange).says("128");
    };
    i089 => |row| { row.refuses("010.0.0.0/8", Code::LeadingZero).suggests(&[]); };
    i090 => |row| {
        row.refuses("10.0.0.0/255.0.0.0", Code::Netmask).suggests(&["10.0.0.0/8"]);
        row.refuses("10.0.0.0/0.255.255.255", Code::Netmask).suggests(&["10.0.0.0/8"]);
    };
    i091 => |row| { row.refuses("0.0.0.0/0", Code::DefaultRoute).says("everything"); };
    i092 => |row| { row.refuses("::/0", Code::DefaultRoute).says("both families"); };
    i093 => |row| { row.refuses("::1/0", Code::HostBits).says("covers everything").suggests(&[]); };
    i094 => |row| {
        row.holds("192.168.0.0/24");
        row.holds("192.168.0.77");
        assert!(overlap::is_member(net("192.168.0.0/24"), ip("192.168.0.77")));
        assert!(overlap::is_member(net("192.168.0.0/24"), ip("::ffff:192.168.0.77")));
        assert!(!overlap::is_member(net("192.168.0.0/24"), ip("192.168.1.77")));
        let faults = overlap::parse_list(&["192.168.0.0/24", "192.168.0/24", "fd00::/64"]).unwrap_err();
        assert_eq!(faults.iter().map(|(index, fault)| (*index, fault.code)).collect::<Vec<_>>(), [(1, Code::ShortForm)]);
    };
    i096 => |row| {
        for (input, count) in [("10.2.2.2/32", 1), ("fd00::2/128", 1), ("fd00::2/127", 2)] {
            row.private(input);
            assert_eq!(overlap::address_count(net(input)), Some(count));
        }
    };
    i097 => |row| {
        let network = row.private("192.168.1.0/30").0.accepted_network().unwrap();
        for last in 0..=3 {
            assert!(overlap::is_member(network, ip(&format!("192.168.1.{last}"))));
        }
        assert!(!overlap::is_member(network, ip("192.168.1.4")));
        assert!(!overlap::is_member(network, ip("192.168.0.255")));
    };
    i098 => |row| { row.refuses("::ffff:10.0.0.0/104", Code::MappedPrefix).suggests(&["10.0.0.0/8"]); };
    i099 => |row| { row.refuses("::ffff:10.0.0.0/8", Code::HostBits).suggests(&[]); };
    i100 => |row| {
        row.private("10.105.64.0/20");
        assert!(overlap::wider_than(net("10.105.64.0/20"), 24));
        assert!(!overlap::wider_than(net("10.105.64.0/24"), 24));
        assert!(!overlap::wider_than(net("10.105.64.0/28"), 24));
    };
    i101 => |row| { row.refuses("fe80::/64%eth0", Code::Zone); };
    i102 => |row| {
        row.refuses("10.0.0.0-10.0.0.255", Code::AddressRange).suggests(&["10.0.0.0/24"]);
        row.refuses("10.0.0.*", Code::AddressRange).suggests(&["10.0.0.0/24"]);
        assert!(classify("10.0.0.1-10.0.0.255", STRICT).suggest.is_empty());
    };
    i103 => |row| {
        row.private("10.0.0.0/8");
        row.private("10.1.0.0/16");
        let list = [net("10.0.0.0/8"), net("10.1.0.0/16"), net("10.0.0.0/8"), net("192.168.0.0/24")];
        let notes: Vec<_> = overlap::overlaps(&list).iter().filter_map(|found| found.note(&list)).collect();
        let expected = ["10.1.0.0/16 is contained in 10.0.0.0/8", "10.0.0.0/8 is listed twice"];
        assert_eq!(notes[..2], expected);
        assert_eq!(compare(list[0], list[1]), Relation::Contains);
        assert_eq!(compare(list[1], list[0]), Relation::Contained);
        assert_eq!(compare(list[0], list[2]), Relation::Same);
        assert_eq!(compare(list[0], list[3]), Relation::Disjoint);
        assert_eq!(compare(net("10.0.0.0/8"), net("a00::/8")), Relation::Disjoint);
    };
    i104 => |row| {
        let verdict = row.refuses("172.16.0.0/11", Code::MixedClass).says("172.0.0.0/11").says("public and private");
        verdict.suggests(&["172.16.0.0/32", "172.16.0.0/12"]);
        let whole = classify("172.0.0.0/11", STRICT);
        assert_eq!((whole.code, whole.suggest), (Some(Code::MixedClass), vec!["172.16.0.0/12".to_owned()]));
    };

    // Host names.
    i105 => |row| {
        for input in ["localhost.", "LOCALHOST", "db.localhost"] {
            assert!(matches!(row.host(input), Err(ContactError::ThisMachine { .. })), "{input}");
        }
    };
    i106 => |row| { assert_eq!(row.host("mail.corp.example.").unwrap().as_str(), "mail.corp.example"); };
    i107 => |row| {
        let name = row.host("relay").unwrap();
        assert!(name.is_single_label());
        assert!(!name.may_be_asked_of(Resolver::Public));
        assert!(name.may_be_asked_of(Resolver::Customer));
        assert!(HostName::parse("relay.example").unwrap().may_be_asked_of(Resolver::Public));
    };
    i108 => |row| {
        let name = row.host("smtp_relay.corp.example").unwrap();
        assert_eq!(name.as_str(), "smtp_relay.corp.example");
        assert!(name.has_underscore() && name.warnings()[0].contains("certificate"));
        assert!(HostName::parse("smtp-relay.corp.example").unwrap().warnings().is_empty());
    };
    i109 => |row| {
        let name = row.host("bücher-mail.example").unwrap();
        assert_eq!(name.as_str(), "xn--bcher-mail-9db.example");
        assert_eq!(name.unicode(), "bücher-mail.example");
        assert!(matches!(HostName::parse("１２７。0。0。1"), Err(ContactError::IsAddress { .. })));
    };
    i110 => |row| {
        row.holds("::ffff:10.0.0.5");
        let resolved = classify_ip(ip("::ffff:10.0.0.5"), STRICT);
        assert_eq!((resolved.class, resolved.canonical.as_deref()), (Class::Private, Some("10.0.0.5")));
        assert_eq!(judge_answers(&ips(&["::ffff:10.0.0.5", "10.0.0.5"]), STRICT), Answers::AllPrivate(ips(&["10.0.0.5"])));
    };

    // What a name resolves to.
    i111 => |row| {
        row.holds("203.0.113.9");
        row.holds("10.0.0.5");
        let Answers::Mixed(each) = judge_answers(&ips(&["203.0.113.9", "10.0.0.5"]), LAB) else { panic!("not mixed") };
        let listed: Vec<_> = each.iter().map(|one| (one.input.as_str(), one.class)).collect();
        assert_eq!(listed, [("203.0.113.9", Class::Public), ("10.0.0.5", Class::Private)]);
        assert_eq!(judge_answers(&ips(&["8.8.8.8", "10.0.0.5"]), STRICT).class(), None);
        let Answers::Rejected(each) = judge_answers(&ips(&["8.8.8.8", "127.0.0.1"]), STRICT) else { panic!("accepted") };
        assert_eq!(each[1].code, Some(Code::Loopback));
        assert_eq!(judge_answers(&[], STRICT), Answers::Nothing);
    };
    i112 => |row| {
        row.holds("3 A records");
        let records = ips(&["9.9.9.1", "9.9.9.2", "9.9.9.3"]);
        assert_eq!(judge_answers(&records, STRICT), Answers::AllPublic(records.clone()));
        assert_eq!(unapproved(&records[..2], &records), ips(&["9.9.9.3"]));
    };
    i113 => |row| {
        row.holds("AAAA dead, A alive");
        let approved = ips(&["2606:4700:4700::1111", "9.9.9.9"]);
        assert_eq!(judge_answers(&approved, STRICT), Answers::AllPublic(approved.clone()));
        assert!(unapproved(&approved, &ips(&["9.9.9.9"])).is_empty());
        assert_eq!(unapproved(&approved, &ips(&["9.9.9.9", "9.9.9.10"])), ips(&["9.9.9.10"]));
    };
    i115 => |row| {
        row.holds("public at save, private at send");
        assert!(!same_class(&ips(&["9.9.9.9"]), &ips(&["10.0.0.5"]), STRICT));
        assert!(!same_class(&ips(&["9.9.9.9"]), &ips(&["9.9.9.9", "10.0.0.5"]), STRICT));
        assert!(!same_class(&ips(&["9.9.9.9"]), &[], STRICT));
        assert!(!same_class(&[], &[], STRICT));
        assert!(same_class(&ips(&["9.9.9.9"]), &ips(&["9.9.9.10", "2606:4700:4700::1111"]), STRICT));
    };

    // Customers and tunnels.
    i116 => |row| {
        row.holds("10.0.0.25");
        let apart = [placed("domain-a", "A", "tunnel-a", "10.0.0.25"), placed("domain-b", "B", "tunnel-b", "10.0.0.25")];
        assert!(placement::clashes(&apart).is_empty());
    };
    i117 => |row| {
        row.holds("same remote subnet on two tunnels");
        let together = [placed("shared", "A", "tunnel-a", "10.1.0.0/16"), placed("shared", "B", "tunnel-b", "10.1.2.0/24")];
        let clashes = placement::clashes(&together);
        assert_eq!((clashes[0].first.tunnel, clashes[0].second.tunnel, clashes.len()), ("tunnel-a", "tunnel-b", 1));
        let translated = [together[0], placed("shared", "B", "tunnel-b", "10.9.2.0/24")];
        assert!(placement::clashes(&translated).is_empty());
        let one_tunnel = [together[0], placed("shared", "A", "tunnel-a", "10.1.2.0/24")];
        assert!(placement::clashes(&one_tunnel).is_empty());
    };
    i118 => |row| {
        row.holds("our own side of the tunnel or the gateway's outside address");
        let (our_side, gateways) = ([net("10.99.0.0/24")], [ip("9.9.9.9")]);
        let ends = TunnelEnds { our_side: &our_side, gateways: &gateways };
        assert!(placement::belongs_to_tunnel(ip("10.99.0.8"), ends));
        assert!(placement::belongs_to_tunnel(ip("::ffff:9.9.9.9"), ends));
        assert!(!placement::belongs_to_tunnel(ip("10.98.0.8"), ends));
    };
    i119 => |row| {
        row.holds("overlaps the vendor's internal range");
        let (theirs, ours) = ([net("10.0.0.0/16"), net("10.7.0.0/16")], [net("10.7.3.0/24"), net("192.168.9.0/24")]);
        assert_eq!(placement::overlaps_with_ours(&theirs, &ours), [(theirs[1], ours[0])]);
        assert!(placement::overlaps_with_ours(&theirs[..1], &ours).is_empty());
    };
}

#[test]
fn one_server_may_be_written_as_a_network_of_one_address() {
    use postern::domain::address::classify_server;
    let server = classify_server("10.20.4.15/32", STRICT);
    assert_eq!((server.kind, server.accepted_address()), (Kind::Address, Some(ip("10.20.4.15"))));
    let range = classify_server("10.20.4.0/24", STRICT);
    assert_eq!((range.code, range.accepted_address()), (Some(Code::AddressRange), None));
    assert!(range.reason.unwrap().contains("256 addresses"));
    assert_eq!(classify_server("10.20.4.15/24", STRICT).code, Some(Code::HostBits));
}

#[test]
fn text_around_and_inside_an_address_is_told_apart() {
    for (input, code, suggestion) in [
        ("", Code::Empty, None),
        (" \u{200B}\t", Code::Empty, None),
        ("10.0.0.5:25", Code::PortAttached, Some("10.0.0.5")),
        ("[fd00::5]:25", Code::PortAttached, Some("fd00::5")),
        ("[fd00::5]", Code::NotAnAddress, Some("fd00::5")),
        ("10.\u{200B}0.0.5", Code::NonAscii, Some("10.0.0.5")),
        ("10.0.0.5 (mail)", Code::TrailingText, Some("10.0.0.5")),
        ("10.0.0.0/8, 10.1.0.0/16", Code::TrailingText, None),
        ("fd00::5%eth0", Code::Zone, Some("fd00::5")),
        ("10.0.0.0-255", Code::AddressRange, Some("10.0.0.0/24")),
        ("fd00::-fd00::ffff", Code::AddressRange, Some("fd00::/112")),
        ("10.*.0.*", Code::AddressRange, None),
        ("10.0.0.5/255.255.255.255", Code::Netmask, Some("10.0.0.5/32")),
        ("10.0.0.0/255.0.255.0", Code::Netmask, None),
        ("mail.corp.example", Code::NotAnAddress, None),
        ("mx.example.5", Code::NotAnAddress, None),
        ("smtp://10.0.0.5", Code::NotAnAddress, None),
        ("10..0.5", Code::NotAnAddress, None),
        ("::ffff:1.2.3.256", Code::OctetRange, None),
        ("/8", Code::NotAnAddress, None),
        ("10.0.0.0/8/8", Code::PrefixSyntax, None),
        ("10.0.0.0/99999999999", Code::PrefixRange, None),
        ("<script>", Code::NotAnAddress, None),
    ] {
        let verdict = classify(input, STRICT);
        assert_eq!((verdict.class, verdict.code), (Class::Rejected, Some(code)), "{input:?}: {verdict:?}");
        assert_eq!(verdict.suggest.first().map(String::as_str), suggestion, "{input:?}: {verdict:?}");
    }
}

#[test]
fn networks_through_nat64_are_judged_by_the_ipv4_behind() {
    for (input, class, code) in [
        ("64:ff9b::808:800/120", Class::Public, None),
        ("64:ff9b::a00:0/104", Class::Rejected, Some(Code::Nat64Private)),
        ("64:ff9b::/96", Class::Rejected, Some(Code::MixedClass)),
        ("64:ff9b::ac00:0/107", Class::Rejected, Some(Code::MixedClass)),
        ("192.0.0.0/8", Class::Rejected, Some(Code::MixedClass)),
        ("192.0.0.0/24", Class::Rejected, Some(Code::ProtocolAssignment)),
        ("8.8.8.0/24", Class::Public, None),
        ("2606:4700::/32", Class::Public, None),
        ("100.64.0.0/10", Class::Shared, None),
    ] {
        let verdict = classify(input, STRICT);
        assert_eq!((verdict.class, verdict.code, verdict.kind), (class, code, Kind::Network), "{verdict:?}");
    }
}

#[test]
fn an_override_goes_between_private_and_public_only() {
    let all = [Class::Private, Class::Shared, Class::Public, Class::Rejected];
    let allowed: Vec<_> = all
        .into_iter()
        .flat_map(|from| all.into_iter().map(move |to| (from, to)))
        .filter(|(from, to)| from.may_be_overridden_by(*to))
        .collect();
    assert_eq!(allowed, [(Class::Private, Class::Public), (Class::Public, Class::Private)]);
}

#[test]
fn the_parsers_take_one_kind_each() {
    assert_eq!(parse_address("10.0.0.5").unwrap(), ip("10.0.0.5"));
    assert_eq!(parse_address("10.0.0.0/8").unwrap_err().kind, Kind::Network);
    assert_eq!(net("10.0.0.5").to_string(), "10.0.0.5/32");
    assert_eq!(net("::ffff:10.0.0.5").to_string(), "10.0.0.5/32");
    assert_eq!(parse_network("0.0.0.0/0").unwrap_err().code, Code::DefaultRoute);
}
