# A PostgreSQL server of our own: fresh folder, free port of 127.0.0.1, no socket file, stopped at the end. Sourced by
# tests/run.

postgres_folder="" postgres_pid=""

# Prints the folder with initdb, pg_ctl and postgres; Debian keeps them out of the search path.
postgres_programs() {
  local folder
  for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) /usr/pgsql-*/bin "$(dirname "$(command -v postgres || echo /none/postgres)")"; do
    [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ] && [ -x "$folder/postgres" ] && echo "$folder" && return
  done
  return 1
}

# Starts the server and tells the tests where it is, in POSTERN_TEST_POSTGRES. Its databases live for one test each, so
# it does not wait for the disk; what is about durability switches that on first (wait_for_the_disk).
start_postgres() {
  local programs as=() user=postgres port attempt
  programs=$(postgres_programs) || { echo "no PostgreSQL server is installed; run tests/run setup"; return 1; }
  mkdir -p "$target"
  postgres_folder=$(mktemp -d -p "$target") || return 1
  if [ "$(id -u)" = 0 ]; then
    # PostgreSQL refuses to run as root.
    id "$user" >/dev/null 2>&1 || user=nobody
    as=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --)
    chown "$user" "$postgres_folder"
    # The build folder may lie where only root may enter.
    if ! "${as[@]}" test -x "$postgres_folder" 2>/dev/null; then
      rmdir "$postgres_folder"
      postgres_folder=$(mktemp -d -p /tmp --suffix=.postern-postgres) || return 1
      chown "$user" "$postgres_folder"
    fi
  fi
  (cd "$postgres_folder" && "${as[@]}" "$programs/initdb" --pgdata data --username postgres --auth trust \
    --encoding UTF8 --locale C >initdb.log 2>&1) || { tail -n 5 "$postgres_folder/initdb.log"; return 1; }
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    # Below the range from which the system takes ports for outgoing connections. A port in use makes the start fail.
    port=$((20000 + RANDOM % 12000))
    (cd "$postgres_folder" && "${as[@]}" "$programs/pg_ctl" start --pgdata data --wait --timeout 60 --log data/server.log \
      --options "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c fsync=off -c max_connections=200") \
      >/dev/null </dev/null || continue
    postgres_pid=$(head -n 1 "$postgres_folder/data/postmaster.pid")
    export POSTERN_TEST_POSTGRES=postgres://postgres@127.0.0.1:$port
    echo "$("$programs/postgres" --version) listens on 127.0.0.1:$port"
    return 0
  done
  echo "PostgreSQL did not start on $attempt ports; its last words:"
  tail -n 5 "$postgres_folder/data/server.log"
  return 1
}

# From here on a commit is on the disk before it is answered.
wait_for_the_disk() {
  local psql
  psql="$(postgres_programs)/psql"
  "$psql" --quiet --no-psqlrc "$POSTERN_TEST_POSTGRES/postgres" --command "ALTER SYSTEM SET fsync = on" &&
    "$psql" --quiet --no-psqlrc "$POSTERN_TEST_POSTGRES/postgres" --command "SELECT pg_reload_conf()" >/dev/null
}

# Stops the server that was started here, and no other, and removes its folder.
stop_postgres() {
  let_servers_start
  if [ -n "$postgres_pid" ]; then
    # SIGINT closes the connections and shuts down in order; what still runs after 20 seconds is ended.
    kill -INT "$postgres_pid" 2>/dev/null
    timeout 20 tail --pid "$postgres_pid" -f /dev/null || kill -QUIT "$postgres_pid" 2>/dev/null
    postgres_pid=""
  fi
  [ -z "$postgres_folder" ] || rm -rf "$postgres_folder"
  postgres_folder=""
}
