# The built program, used from outside. Sourced by tests/run.

# Runs the examples of the shipped definitions; each transition must be shown by one.
run_scenarios() {
  local output version
  for version in "${definitions[@]}"; do
    output=$("$postern" workflow run "$version") || { echo "$output"; return 1; }
    echo "$version"
    echo "$output" | tail -n 5
    echo "$output" | grep -qE '(^|[^0-9])100(\.0+)? ?%' || { echo "the scenarios of $version do not cover every transition"; return 1; }
  done
}

# broken_walk FAULT: the walk through the private branch must fail, with exit code 1 and the name of the step.
broken_walk() {
  local output code
  output=$(timeout 180 "$postern" demo --walk private --break "$1" 2>&1)
  code=$?
  echo "$output" | tail -n 2
  [ "$code" = 1 ] || { echo "exit code $code; 1 was expected with --break $1"; return 1; }
}

# kills_on_postgres N: the kill test on a database of its own, on the server that start_postgres started.
kills_on_postgres() {
  wait_for_the_disk || return 1
  "$(postgres_programs)/psql" --quiet --no-psqlrc "$POSTERN_TEST_POSTGRES/postgres" --command "CREATE DATABASE postern_kills" || return 1
  timeout 240 python3 tests/faults/kill.py "$postern" --kills "$1" --database "$POSTERN_TEST_POSTGRES/postern_kills"
}
