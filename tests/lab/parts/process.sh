# shellcheck shell=bash
# Daemons in namespaces, known by process id and start time, so that never another process is ended. Sourced by lab.

# Prints nothing for a process that is gone or only waits to be reaped.
start_time() {
  awk '{ sub(/.*\) /, ""); if ($1 != "Z") print $20 }' "/proc/$1/stat" 2>/dev/null || true
}

# spawn NAME NS CMD…: starts a daemon.
spawn() {
  local name=$1 where=$2 pid
  shift 2
  setsid ip netns exec "$(ns "$where")" "$@" </dev/null >>"$state/log/$name.out" 2>&1 9>&- &
  pid=$!
  disown "$pid"
  echo "$pid $(start_time "$pid")" >"$state/pid/$name"
}

# pid_of NAME: prints the process id if that very process still runs.
pid_of() {
  local pid started
  [ -e "$state/pid/$1" ] && read -r pid started <"$state/pid/$1" || return 1
  [ -n "$started" ] && [ "$(start_time "$pid")" = "$started" ] || return 1
  echo "$pid"
}

# SIGTERM, and SIGKILL for what still runs after 2 seconds.
end_process() {
  local pid=$1 started tries=40
  started=$(start_time "$pid")
  [ -n "$started" ] && kill "$pid" 2>/dev/null || return 0
  while [ "$(start_time "$pid")" = "$started" ]; do
    ((tries-- > 0)) || { kill -9 "$pid" 2>/dev/null || true; return 0; }
    sleep 0.05
  done
}

# stop NAME
stop() {
  local pid
  if pid=$(pid_of "$1"); then end_process "$pid"; fi
  rm -f "$state/pid/$1"
}

# wait_for SECONDS WHAT CMD…
wait_for() {
  local tries=$(($1 * 20)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((tries-- > 0)) || die "$what did not come up; see $state/log"
    sleep 0.05
  done
}

# listening NS ADDRESS PORT
listening() {
  in_ns "$1" ss -Hltn "src $2:$3" | grep -q .
}
