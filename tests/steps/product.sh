# The built program, used from outside. Sourced by tests/run.

# Runs the examples of the shipped definitions; each transition must be shown by one.
run_scenarios() {
  local output
  output=$("$postern" workflow run "$definitions") || { echo "$output"; return 1; }
  echo "$output" | tail -n 5
  echo "$output" | grep -qE '(^|[^0-9])100(\.0+)? ?%' || { echo "the scenarios do not cover every transition"; return 1; }
}

# broken_walk FAULT: the walk through the private branch must fail, with exit code 1 and the name of the step.
broken_walk() {
  local output code
  output=$(timeout 180 "$postern" demo --walk private --break "$1" 2>&1)
  code=$?
  echo "$output" | tail -n 2
  [ "$code" = 1 ] || { echo "exit code $code; 1 was expected with --break $1"; return 1; }
}
