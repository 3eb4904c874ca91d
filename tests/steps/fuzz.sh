# Fuzzing on the stable toolchain. Sourced by tests/run.

fuzz_target=${CARGO_TARGET_DIR:-$PWD/target}/fuzz

# fuzz NAME SECONDS: runs a target that was built. An input that breaks it is left in target/fuzz/found; what was learned
# stays in target/fuzz/corpus, so that the next run begins there.
fuzz() {
  local host name=$1 seconds=$2 code
  host=$(rustc -vV | sed -n 's/^host: //p')
  mkdir -p "$fuzz_target/corpus/$name" "$fuzz_target/found"
  # Leaks are no concern of safe code without a sanitizer; a single input must end within seconds.
  "$fuzz_target/$host/release/$name" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$fuzz_target/found/$name-" \
    "$fuzz_target/corpus/$name" "$fuzz_target/seeds/$name" >"$fuzz_target/$name.log" 2>&1
  code=$?
  if [ "$code" = 0 ]; then
    grep -E '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)|^Done ' "$fuzz_target/$name.log"
  else
    tail -n 40 "$fuzz_target/$name.log"
  fi
  return "$code"
}

# fuzz_all SECONDS: every target for so long, side by side: each keeps one core busy.
fuzz_all() {
  local name ok=0 running=()
  for name in reply dialogue; do
    fuzz "$name" "$1" &
    running+=($!)
  done
  for name in "${running[@]}"; do wait "$name" || ok=1; done
  return "$ok"
}

# The flags are those that cargo-fuzz gives for libFuzzer without a sanitizer; the stable compiler takes them. They must not
# reach build scripts, so the target is named.
fuzz_build() {
  local host
  host=$(rustc -vV | sed -n 's/^host: //p')
  python3 fuzz/seeds.py tests/corpus/smtp/smtp-cases.tsv "$fuzz_target/seeds" || return
  RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing" \
    cargo build --manifest-path fuzz/Cargo.toml --locked --release --target "$host" --target-dir "$fuzz_target"
}
