# Installing what the checks need. Sourced by tests/run.

# setup quick|all: returns only where everything is there; otherwise one line says what is missing and the run ends
# with exit code 7.
setup() {
  local missing
  toolchain
  mapfile -t missing < <(missing_packages "$1" | sort -u)
  [ ${#missing[@]} = 0 ] || install "${missing[@]}"
  mapfile -t missing < <(missing_packages "$1")
  [ ${#missing[@]} = 0 ] || away "these packages were installed but their programs are not found: ${missing[*]}"
  [ "$1" = all ] || return 0
  browser_packages
  python_packages peers
  python_packages feeds
}

# away TEXT: the one line for something that is needed and not there.
away() {
  echo "tests/run: $1" >&2
  exit 7
}

toolchain() {
  local command
  for command in cargo rustfmt cargo-clippy; do
    command -v "$command" >/dev/null || away "$command is missing; install Rust 1.95 or later with rustfmt and clippy (rustup.rs)"
  done
}

# Names the distribution's packages whose programs are not there, one a line.
missing_packages() {
  has cc && has c++ && has make || echo build-essential
  has git || echo git
  [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || echo ca-certificates
  postgres_programs >/dev/null || echo postgresql
  has exim4 || has exim || echo exim4-daemon-light
  has nft || echo nftables
  [ "$1" = all ] || return 0
  has rsyslogd || echo rsyslog
  has chromium || echo chromium
  has node || echo nodejs
  has npm || echo npm
  has strace || echo strace
  has python3 || echo python3
  # Debian ships the module venv without what it installs; only both together make an environment.
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  tests/lab/lab packages
}

# Servers are often outside the search path of ordinary users.
has() {
  PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null
}

install() {
  local as_root=() log=$target/setup.log
  has apt-get || away "missing packages: $*; install them by hand, there is no apt-get here"
  if [ "$(id -u)" != 0 ]; then
    has sudo || away "missing packages: $*; run \"apt-get install $*\" as root"
    # Where nobody can type a password, sudo must not ask for one.
    as_root=(sudo)
    [ -t 0 ] || as_root=(sudo -n)
    "${as_root[@]}" true || away "missing packages: $*; run \"apt-get install $*\" as root"
  fi
  mkdir -p "$target"
  echo "installing $*"
  keep_servers_down "${as_root[@]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
    apt-get -q -o DPkg::Lock::Timeout=300 update &&
    apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install "$@"' install "$@" </dev/null >"$log" 2>&1
  local code=$?
  let_servers_start "${as_root[@]}"
  [ "$code" = 0 ] || away "apt-get could not install $*: $(tail -n 1 "$log") (all of it in $log)"
}

# Debian starts a server as soon as it is installed. The checks start their own, so the installation must start none.
policy=/usr/sbin/policy-rc.d
policy_is_ours=false
keep_servers_down() {
  [ -e "$policy" ] && return
  policy_is_ours=true
  printf '#!/bin/sh\nexit 101\n' | "$@" tee "$policy" >/dev/null
  "$@" chmod 755 "$policy"
}

let_servers_start() {
  "$policy_is_ours" && "$@" rm -f "$policy"
  policy_is_ours=false
}

# axe-core and the driver of Chromium, exactly as the lock file says, outside the source tree.
browser_packages() {
  local folder=$PWD/target/browser
  mkdir -p "$folder"
  [ -d "$folder/node_modules" ] && cmp -s tests/browser/package-lock.json "$folder/installed-lock.json" && return
  cp tests/browser/package.json tests/browser/package-lock.json "$folder/" || away "tests/browser has no lock file"
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund >"$folder/npm.log" 2>&1 </dev/null ||
    away "npm could not install the packages of tests/browser: $(tail -n 1 "$folder/npm.log") (all of it in $folder/npm.log)"
  cp tests/browser/package-lock.json "$folder/installed-lock.json"
}

# python_packages peers|feeds: what the tests of that folder need of Python: the client library that the product's vendor
# publishes, or parsers of feeds, calendars and schemas.
python_packages() {
  local folder=$PWD/target/$1 wanted=tests/$1/requirements.txt
  mkdir -p "$folder"
  [ -x "$folder/venv/bin/python" ] && cmp -s "$wanted" "$folder/installed.txt" && return
  { python3 -m venv --clear "$folder/venv" &&
    "$folder/venv/bin/pip" install -q --disable-pip-version-check -r "$wanted"; } >"$folder/pip.log" 2>&1 ||
    away "pip could not install $(tr '\n' ' ' <"$wanted"): $(tail -n 1 "$folder/pip.log") (all of it in $folder/pip.log)"
  cp "$wanted" "$folder/installed.txt"
}
