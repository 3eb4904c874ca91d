"""The lab as the runner sees it: commands of tests/lab/lab, and tests made inside of it."""
import json
import os
import pathlib
import re
import shlex
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
# Seconds after which one test is taken for hung; its own limit is 180.
TEST_SECONDS = 240
# The lab lives in networks for documentation, which policy refuses.
ALLOW = [word for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24") for word in ("--allow", network)]


class Missing(Exception):
    """Something that the lab needs is not on this machine."""


class Lab:
    """A lab of its own name, beside one that somebody may have built by hand. Removed at the end, whatever happens."""

    def __init__(self, kind):
        self.kind = kind
        self.environment = {**os.environ, "POSTERN_LAB": os.environ.get("POSTERN_LAB", "plrun")}
        self.binary = self.password_file = None

    def __enter__(self):
        try:
            # What a run left that was ended by force, whichever kind it was.
            self.command("down")
            self.command("up", self.kind)
            self.env = {name: shlex.split(value)[0] for name, value in
                        (line.split("=", 1) for line in self.command("env").splitlines())}
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([HERE / "lab", "down"], env=self.environment, stdout=subprocess.DEVNULL, check=False)

    def command(self, *words):
        """A command of the lab, which must succeed. Returns what it prints."""
        done = subprocess.run([HERE / "lab", *words], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode == 7:
            raise Missing(done.stderr.strip())
        if done.returncode:
            raise RuntimeError(f"lab {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def counter(self, where, name):
        return int(self.command("counter", where, name))

    def probe(self, where, *words):
        """postern probe in a namespace of the cloud, as nobody. Returns its report."""
        done = subprocess.run([HERE / "lab", "run-in", "-u", "nobody", where, self.binary, "probe", *map(str, words), "--json"],
                              env=self.environment, capture_output=True, text=True, cwd="/", timeout=TEST_SECONDS, check=False)
        try:
            report = json.loads(done.stdout)
        except ValueError:
            report = {"verdict": f"no JSON, exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}"}
        report["command"] = list(map(str, words))
        return report

    def tunnel(self, customer=""):
        """Options that tell the prober about a customer's tunnel ("" or "2")."""
        env = self.env
        watch = "strongswan:" + env["VICI" + customer] if self.kind == "ipsec" else "wireguard:" + env["WG_DEVICE" + customer]
        return ["--tunnel", watch, "--peer-gateway", env["PEER_GATEWAY" + customer],
                "--our-network", env["OUR_NETWORK" + customer], "--peer-network", env["PEER_NETWORK" + customer],
                "--echo", env["ECHO" + customer]]

    def probe_smtp(self, port, encryption, limits):
        """The full test with a message to the first customer's server through its tunnel."""
        env = self.env
        words = ["smtp", "--host", env["SMTP"], "--port", port, "--encryption", encryption, "--source", env["SOURCE"],
                 "--tls-name", env["SMTP_NAME"], "--ca-file", env["CA"], *envelope("customer.example"), *self.tunnel(), *ALLOW]
        if encryption != "none":
            words += ["--account", env["SMTP_ACCOUNT"], "--password-file", self.password_file]
        for stage, seconds in limits.items():
            words += ["--limit", f"{stage}={seconds}"]
        return self.probe("cloud", *words)

    def keep(self, folder, which, report):
        """Writes a report, and what the tunnels say at this moment, into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^a-z0-9]+", "-", which).strip("-")
        report = {**report, "sas_afterwards": self.command("sas", "--raw").splitlines(),
                  "lab": self.command("status").splitlines()}
        (folder / f"{name}.json").write_text(json.dumps(report, indent=1))


def envelope(domain):
    """Options of a test that goes through to the message."""
    return ["--level", "full", "--sender", "alerts@vendor.example", "--recipient", f"soc@{domain}", "--send"]
