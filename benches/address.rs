//! How long one verdict takes: from text, from a resolved address, and a list against itself.

use std::hint::black_box;
use std::net::IpAddr;

use criterion::Criterion;
use postern::domain::address::overlap::overlaps;
use postern::domain::address::{Options, classify, classify_ip, parse_network};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    verdicts(&mut criterion);
    lists(&mut criterion);
    criterion.final_summary();
}

fn verdicts(criterion: &mut Criterion) {
    let options = Options::default();
    for text in
        ["10.20.4.15", "8.8.8.8", "::ffff:10.0.0.1", "2606:4700:4700::1111", "127.1", "10.0.0.5/8", "10.0.0.0/8"]
    {
        criterion.bench_function(&format!("classify {text}"), |bencher| {
            bencher.iter(|| classify(black_box(text), options));
        });
    }
    let addresses: Vec<IpAddr> = (0..1000_u32).map(|index| IpAddr::V4((index * 4_294_967).into())).collect();
    criterion.bench_function("classify_ip, 1000 addresses over all of IPv4", |bencher| {
        bencher.iter(|| addresses.iter().map(|&address| classify_ip(black_box(address), options)).collect::<Vec<_>>());
    });
}

fn lists(criterion: &mut Criterion) {
    let text = |index: u32| format!("10.{}.{}.0/24", index / 256, index % 256);
    let list: Vec<_> = (0..1000).filter_map(|index| parse_network(&text(index)).ok()).collect();
    criterion.bench_function("overlaps in a list of 1000 networks", |bencher| {
        bencher.iter(|| overlaps(black_box(&list)));
    });
}
