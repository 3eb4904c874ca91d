//! How fast replies are parsed: a short one, an EHLO of eight lines, and the largest reply that is taken, byte by byte.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use postern::smtp::reply::{Parsed, ReplyParser};

fn parse(bytes: &[u8], piece: usize) -> bool {
    let mut parser = ReplyParser::default();
    bytes.chunks(piece).any(|piece| matches!(parser.push(black_box(piece)), Parsed::Reply(..)))
}

fn replies(criterion: &mut Criterion) {
    let ehlo = b"250-mx.customer.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n";
    let mut large = b"250-".to_vec();
    large.extend(vec![b'x'; 120]);
    large.extend(b"\r\n");
    let mut large = large.repeat(500);
    large.extend(b"250 end\r\n");
    let cases: [(&str, &[u8], usize); 4] = [
        ("short", b"250 2.1.0 ok\r\n", 4096),
        ("ehlo", ehlo, 4096),
        ("large", &large, 4096),
        ("large by byte", &large, 1),
    ];
    let mut group = criterion.benchmark_group("reply");
    for (name, bytes, piece) in cases {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| assert!(parse(bytes, piece))));
    }
    group.finish();
}

criterion_group!(benches, replies);
criterion_main!(benches);
