# Building, testing and documenting with cargo. Sourced by tests/run.

test_log=$target/tests.log

# cargo-nextest runs each test in its own process and tells more; without it cargo's own runner does.
with_nextest() {
  cargo nextest --version >/dev/null 2>&1
}

# The program and its tests.
build_with_tests() {
  if with_nextest; then cargo nextest run --locked "${profile[@]}" --no-run; else cargo test --locked "${profile[@]}" --tests --no-run; fi
}

# Runs all tests, whatever fails before. Lines of tests that passed go to the log only.
run_tests() {
  local code
  [ -n "${POSTERN_TEST_POSTGRES:-}" ] || echo "there is no PostgreSQL server: the tests that need one will fail"
  if with_nextest; then
    # Many tests wait for a server or a deadline, so more than there are cores run at once.
    timeout 1800 cargo nextest run --locked "${profile[@]}" --test-threads $(($(nproc) * 2)) --color never --no-fail-fast --status-level pass 2>&1 |
      tee "$test_log" | grep -vE '^ +PASS '
    code=${PIPESTATUS[0]}
    tests_passed=$(sed -nE 's/^ *Summary .* tests? run: ([0-9]+) passed.*/\1/p' "$test_log")
    tests_failed=$(sed -nE 's/^ *Summary .* tests? run: //p' "$test_log" | grep -oE '[0-9]+ (failed|timed out|exec failed)' | sum)
  else
    timeout 1800 cargo test --locked "${profile[@]}" --tests --no-fail-fast 2>&1 | tee "$test_log" | grep -vE '^test .* ok$'
    code=${PIPESTATUS[0]}
    tests_passed=$(grep -oE '^test result: .* [0-9]+ passed' "$test_log" | grep -oE '[0-9]+ passed' | sum)
    tests_failed=$(grep -oE '^test result: .* [0-9]+ failed' "$test_log" | grep -oE '[0-9]+ failed' | sum)
  fi
  tests_passed=${tests_passed:-0} tests_failed=${tests_failed:-0}
  printf '\n%d tests run: %d passed, %d failed\n' $((tests_passed + tests_failed)) "$tests_passed" "$tests_failed"
  [ "$tests_passed" -gt 0 ] || { echo "no test ran"; return 1; }
  return "$code"
}

# Adds the first numbers of the lines it is given.
sum() {
  awk '{ total += $1 } END { print total + 0 }'
}

# ran_on sqlite|postgres: says how many tests passed on that database; none is a failure. Such tests have on_sqlite or
# on_postgres in their names.
ran_on() {
  local count
  count=$(grep -cE "^( +(PASS|LEAK) .*on_$1|test .*on_$1.* ok\$)" "$test_log")
  echo "$count tests passed on $1"
  [ "$count" -gt 0 ]
}

document() {
  RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
}

# cargo-deny is no part of a Rust toolchain. Known vulnerabilities (its check "advisories") need a database from the
# network and are no step of this run.
licenses() {
  if ! cargo deny --version >/dev/null 2>&1; then
    echo "skipped: cargo-deny is not installed (cargo install --locked cargo-deny)"
    return "$skipped_code"
  fi
  cargo deny --offline check bans licenses sources
}
