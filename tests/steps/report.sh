# Steps, how long each took, and the closing table. Sourced by tests/run.

# Seconds that the steps of a group may take together on two cores, from a fresh clone.
declare -A budget=(["build and lint"]=720 ["quick"]=300 ["definitions"]=240 ["feeds"]=30 ["demo"]=180 ["browser"]=360 ["faults"]=360 ["lab"]=360 ["fuzz"]=240)
# One line per step that ended: group, name, seconds, outcome (passed, failed, not run, skipped). A file, so that steps that
# run beside others are told of, too.
results=$target/steps.tsv
mkdir -p "$target" && : >"$results"
# Tests that the test runner reported.
tests_passed=0 tests_failed=0
# The step "tests" is told by its tests, so that nothing counts twice.
counted_by_tests="tests"
# A command that returns this has found that it does not apply on this machine, and has said why.
skipped_code=70

# step GROUP NAME BEFORE COMMAND…: runs the command, unless the step BEFORE has not passed.
step() {
  local group=$1 name=$2 before=$3 started=$SECONDS outcome code
  shift 3
  printf '\n== %s\n' "$name"
  if [ "$before" != - ] && ! has_passed "$before"; then
    echo "not run: it needs the step \"$before\""
    outcome="not run"
  else
    "$@"
    code=$?
    case $code in
      0) outcome=passed ;;
      "$skipped_code") outcome=skipped ;;
      *) outcome=failed; echo "FAILED with exit code $code: $name" ;;
    esac
  fi
  printf '%s\t%s\t%d\t%s\n' "$group" "$name" $((SECONDS - started)) "$outcome" >>"$results"
}

has_passed() {
  cut -f 2,4 "$results" | grep -qxF "$1"$'\t'passed
}

# The steps of a function beside what follows, for those that mostly wait. What they print is shown when they have ended.
beside=""
start_beside() {
  # A process group of its own can be ended as a whole.
  set -m
  "$1" >"$target/beside.log" 2>&1 &
  beside=$!
  set +m
}

# A step of its own: steps that were cut off have told of nothing, and would not be missed in the table.
end_beside() {
  local code
  wait "$beside"
  code=$?
  beside=""
  cat "$target/beside.log"
  return "$code"
}

# Ends them and waits, for as long as tidying up may take.
stop_beside() {
  local tries=100
  [ -n "$beside" ] && kill -TERM -- "-$beside" 2>/dev/null || return
  while kill -0 -- "-$beside" 2>/dev/null && [ $((tries -= 1)) -gt 0 ]; do sleep 0.2; done
}

# Prints the tables and the closing line; fails where a step failed or could not run.
report() {
  local group name seconds outcome passed=$tests_passed failed=$tests_failed skipped=0 ok=0
  printf '\n%-26s %8s  %s\n' step seconds outcome
  while IFS=$'\t' read -r group name seconds outcome; do
    printf '%-26s %8d  %s\n' "$name" "$seconds" "$outcome"
    case $outcome in
      passed) [ "$name" = "$counted_by_tests" ] || passed=$((passed + 1)) ;;
      skipped) skipped=$((skipped + 1)) ;;
      *) ok=1; [ "$name" = "$counted_by_tests" ] && [ "$tests_failed" -gt 0 ] || failed=$((failed + 1)) ;;
    esac
  done <"$results"
  report_budgets
  printf '\n%d passed, %d failed' "$passed" "$failed"
  [ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
  printf '\n'
  return "$ok"
}

# One line per group that ran. Over budget is told and is no failure: the machine may be busy.
report_budgets() {
  local group sum
  printf '\n%-26s %8s %8s\n' group seconds budget
  cut -f 1 "$results" | awk '!seen[$0]++' | while read -r group; do
    sum=$(awk -F '\t' -v group="$group" '$1 == group { sum += $3 } END { print sum }' "$results")
    printf '%-26s %8d %8d%s\n' "$group" "$sum" "${budget[$group]}" "$([ "$sum" -le "${budget[$group]}" ] || echo '  over budget')"
  done
}
