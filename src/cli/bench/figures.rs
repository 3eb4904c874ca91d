//! What a measurement says: latencies sorted, throughput beside the ceiling, as one JSON object.

use std::time::Duration;

use serde::Serialize;

/// One client's requests: how long each took, and how long its answers were.
#[derive(Debug, Default)]
pub(super) struct Samples {
    micros: Vec<u64>,
    bytes: u64,
}

impl Samples {
    /// Notes a request that was answered.
    pub(super) fn note(&mut self, took: Duration, bytes: usize) {
        self.micros.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.bytes += bytes as u64;
    }

    /// Takes over another client's.
    pub(super) fn absorb(&mut self, other: Self) {
        self.micros.extend(other.micros);
        self.bytes += other.bytes;
    }

    /// How many requests were answered.
    pub(super) fn count(&self) -> usize {
        self.micros.len()
    }
}

/// The result of one measurement; its members are the contract of `postern bench`.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    name: &'static str,
    throughput: f64,
    unit: &'static str,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    bytes_per_answer: u64,
    peak_rss_mib: Option<u64>,
    ceiling_one_by_one: f64,
    ratio: f64,
}

impl Figures {
    /// Puts together what was measured through the router (`samples` in `span`) and bare (`bare` per second).
    pub(super) fn of(
        (name, unit): (&'static str, &'static str),
        mut samples: Samples,
        span: Duration,
        bare: f64,
    ) -> Self {
        samples.micros.sort_unstable();
        let throughput = per_second(samples.count(), span);
        let count = u64::try_from(samples.count()).unwrap_or(u64::MAX);
        Self {
            name,
            throughput: rounded(throughput),
            unit,
            p50_ms: percentile(&samples.micros, 50),
            p90_ms: percentile(&samples.micros, 90),
            p99_ms: percentile(&samples.micros, 99),
            max_ms: percentile(&samples.micros, 100),
            bytes_per_answer: samples.bytes.checked_div(count).unwrap_or(0),
            peak_rss_mib: memory_kib("VmHWM:").map(|kib| kib / 1024),
            ceiling_one_by_one: rounded(bare),
            ratio: rounded(throughput / bare.max(f64::MIN_POSITIVE)),
        }
    }

    /// The one line.
    ///
    /// # Errors
    /// A figure that JSON cannot hold.
    pub(super) fn line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// How often something happened a second.
pub(super) fn per_second(count: usize, span: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / span.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// The nearest-rank percentile of sorted microseconds, in milliseconds.
fn percentile(sorted: &[u64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let micros = sorted.get(rank - 1).copied().unwrap_or(0);
    f64::from(u32::try_from(micros).unwrap_or(u32::MAX)) / 1000.0
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// What the system says about the memory of this process, in KiB: `VmHWM:` for the most it ever held, `VmRSS:` for what
/// it holds; `None` where the system does not tell.
pub(super) fn memory_kib(what: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted: Vec<u64> = (1..=200).map(|value| value * 1000).collect();
        assert_eq!([50, 90, 99, 100].map(|percent| percentile(&sorted, percent)), [100.0, 180.0, 198.0, 200.0]);
        assert_eq!(percentile(&[7_000], 50), 7.0);
        assert_eq!(percentile(&[], 50), 0.0);
    }

    #[test]
    fn the_line_has_the_members_of_the_contract_in_one_object() {
        let mut samples = Samples::default();
        samples.note(Duration::from_millis(2), 100);
        samples.note(Duration::from_millis(4), 200);
        let line = Figures::of(("x", "x/s"), samples, Duration::from_secs(2), 0.5).line().unwrap();
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((json["throughput"].as_f64(), json["ratio"].as_f64()), (Some(1.0), Some(2.0)));
        assert_eq!((json["p50_ms"].as_f64(), json["max_ms"].as_f64()), (Some(2.0), Some(4.0)));
        assert_eq!(json["bytes_per_answer"], 150);
        assert_eq!(json.as_object().unwrap().len(), 11);
    }
}
