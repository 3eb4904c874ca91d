# Steps, how long each took, and the closing table. Sourced by tests/run.

# Seconds that the steps of a group may take together on two cores, from a fresh clone.
declare -A budget=(["build and lint"]=720 ["quick"]=300 ["definitions"]=240 ["feeds"]=30 ["demo"]=180 ["browser"]=360 ["faults"]=360 ["lab"]=360 ["fuzz"]=240)
# Names in the order of running; beside each its group, seconds and outcome (passed, failed, not run, skipped).
step_names=() step_groups=() step_seconds=() step_outcomes=()
declare -A outcome_of=()
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
  if [ "$before" != - ] && [ "${outcome_of[$before]:-}" != passed ]; then
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
  outcome_of[$name]=$outcome
  step_names+=("$name") step_groups+=("$group") step_seconds+=($((SECONDS - started))) step_outcomes+=("$outcome")
}

# Prints the tables and the closing line; fails where a step failed or could not run.
report() {
  local index passed=$tests_passed failed=$tests_failed skipped=0 ok=0
  printf '\n%-24s %8s  %s\n' step seconds outcome
  for index in "${!step_names[@]}"; do
    printf '%-24s %8d  %s\n' "${step_names[index]}" "${step_seconds[index]}" "${step_outcomes[index]}"
    case ${step_outcomes[index]} in
      passed) [ "${step_names[index]}" = "$counted_by_tests" ] || passed=$((passed + 1)) ;;
      skipped) skipped=$((skipped + 1)) ;;
      *) ok=1; [ "${step_names[index]}" = "$counted_by_tests" ] && [ "$tests_failed" -gt 0 ] || failed=$((failed + 1)) ;;
    esac
  done
  report_budgets
  printf '\n%d passed, %d failed' "$passed" "$failed"
  [ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
  printf '\n'
  return "$ok"
}

# One line per group that ran. Over budget is told and is no failure: the machine may be busy.
report_budgets() {
  local group index sum seen=""
  printf '\n%-24s %8s %8s\n' group seconds budget
  for group in "${step_groups[@]}"; do
    [[ $seen == *"|$group|"* ]] && continue
    seen+="|$group|" sum=0
    for index in "${!step_groups[@]}"; do
      [ "${step_groups[index]}" != "$group" ] || sum=$((sum + step_seconds[index]))
    done
    printf '%-24s %8d %8d%s\n' "$group" "$sum" "${budget[$group]}" "$([ "$sum" -le "${budget[$group]}" ] || echo '  over budget')"
  done
}
