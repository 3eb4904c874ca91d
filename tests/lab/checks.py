"""What is expected of a test in the lab: the cells of expected.tsv, and what no cell can say."""
import collections
import contextlib
import csv
import pathlib
import time

from testbed import ALLOW, envelope

GOOD = {"reachable", "reachable_with_warnings"}
# Seconds until a line that was accepted stands in the receiver's file.
WRITTEN_SECONDS = 5

Cell = collections.namedtuple("Cell", "fault port verdicts stages causes wanted")


def read_cells(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [Cell(row["fault"], row["port"], frozenset(row["verdicts"].split("|")), frozenset(row["stage"].split("|")),
                 frozenset(row["causes"].split("|")), f"{row['verdicts']} {row['stage']} {row['causes']}") for row in rows]


def judge(cell, report):
    """Whether a report is what the cell says, and what it is in the cell's words."""
    verdict, stage, cause = report["verdict"], report.get("stage") or "-", report.get("cause") or "-"
    warnings = report.get("warnings") or []
    if verdict in GOOD:
        # Nothing has failed. A cause that the cell names stands among the warnings then.
        named = "-" in cell.causes or bool(cell.causes & set(warnings))
        good = verdict in cell.verdicts and named
    else:
        # Where a chance decides, a cell allows any stage beside each cause.
        good = verdict in cell.verdicts and cause in cell.causes and (stage in cell.stages or "-" in cell.stages)
    return good, f"{verdict} {stage} {cause}" + (f" {','.join(warnings)}" if warnings else "")


def evidence(fault, report):
    """What a report must show beside its cause: None where nothing is asked, "" where it does, else what is missing."""
    path = report.get("path") or {}
    echo, refused = path.get("echo") or {}, path.get("refused_by") or {}
    answered, candidates = echo.get("ms") is not None, path.get("candidates")
    if fault == "tunnel-ts-unacceptable":
        detail = (path.get("tunnel") or {}).get("detail", "")
        return "" if "child" in detail.lower() else f"IKE is up without a child SA, the report says \"{detail}\""
    if fault in ("customer-allowlist-missing", "wrong-source-ip"):
        good, fact = answered and candidates, "the gateway answers an echo"
        return "" if good else f"{fact}; the report says {echo}, candidates {candidates}"
    silent = ("no-return-route", "peer-dead", "selector-mismatch-source")
    if fault in silent and report.get("cause") == "tunnel.lost_beyond_entry":
        good, fact = echo and not answered and candidates, "no echo comes back"
        return "" if good else f"{fact}; the report says {echo}, candidates {candidates}"
    if fault in ("customer-allowlist-reject", "customer-allowlist-prohibit"):
        return wants(refused, "10.20.0.1")
    if fault == "no-route-gateway" and report.get("cause") == "route.gateway_no_route":
        return wants(refused, "198.51.100.17")
    return None


def wants(refused, address):
    return "" if refused.get("address") == address else f"the ICMP error is from {address}, the report says {refused}"


def around(fault, lab, checks):
    """What a fault does to other targets."""
    if fault in ("(none)", "public-allowlist-missing"):
        words = ["smtp", "--host", lab.env["SMTP_PUBLIC"], "--port", "25", "--encryption", "none", "--source", lab.env["SOURCE"],
                 *envelope("public.example"), *ALLOW, "--limit", "tcp=4"]
        report = lab.probe("cloud", *words)
        got = (report["verdict"], report.get("stage"), report.get("cause"))
        if fault == "(none)":
            checks.note("the public server", "" if report["verdict"] in GOOD else f"got {got}")
        else:
            wanted = ("not_reachable", "tcp", "tcp.timeout")
            checks.note("the public server that does not know us", "" if got == wanted else f"got {got}")
    if fault == "(none)":
        mailbox = list(pathlib.Path(lab.env["MAILBOX"]).iterdir())
        checks.note("three test messages in the mailbox", "" if len(mailbox) == 3 else f"there are {len(mailbox)}")


class Checks:
    """Checks that count packets, and those of other targets than the first customer's mail server."""

    def __init__(self, lab):
        self.lab = lab
        self.made = self.failed = self.astray = 0

    def note(self, name, complaint):
        """One check; a complaint that is empty means that it is good."""
        self.made += 1
        self.failed += bool(complaint)
        print(f"{'BAD ' if complaint else 'good'} {self.lab.kind} {name}" + (f": {complaint}" if complaint else ""), flush=True)

    def astray_now(self):
        return sum(self.lab.counter(gateway, "no_tunnel") for gateway in ("cloudgw", "cloudgw2"))

    def the_counter_counts(self):
        """A packet to a private network that no tunnel carries takes the default route, and must be seen there."""
        before = self.astray_now()
        send = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.99.0.1', 9))"
        self.lab.command("run-in", "-u", "nobody", "cloud", "/usr/bin/python3", "-c", send)
        self.note("the counter of the default route counts", "" if self.astray_now() == before + 1 else "it did not move")

    @contextlib.contextmanager
    def no_packet_astray(self):
        """Counts what takes the default route while tests run. Between them the lab itself renews the tunnel, and what
        the kernel sends anew at that moment is no test's."""
        before = self.astray_now()
        yield
        self.astray += self.astray_now() - before

    def nothing_on_the_default_route(self):
        self.note("no packet of a test took the default route", f"{self.astray} did" if self.astray else "")

    def two_customers(self):
        """Both have 10.1.2.3 behind a tunnel of their own; each test must reach its own and not one packet the other."""
        env, servers = self.lab.env, ("customer", "customer2")
        for number, (suffix, domain) in enumerate((("", "customer.example"), ("2", "second.example"))):
            tunnel = self.lab.tunnel(suffix)
            tunnel[tunnel.index("--peer-network") + 1] = env["PEER_NETWORK2"]
            before = [self.lab.counter(server, "same_address") for server in servers]
            with self.no_packet_astray():
                report = self.lab.probe("cloud" + suffix, "smtp", "--host", env["SMTP_SAME"], "--port", "25",
                                        "--encryption", "none", "--source", env["SOURCE" + suffix], *envelope(domain), *tunnel,
                                        "--limit", "tcp=4")
            moved = [self.lab.counter(server, "same_address") - was for server, was in zip(servers, before)]
            good = report["verdict"] in GOOD and moved[number] > 0 and moved[1 - number] == 0
            self.note(f"{env['SMTP_SAME']} of customer {number + 1}",
                      "" if good else f"{report['verdict']} {report.get('cause')}; packets at the two servers: {moved}")

    def ipv6(self):
        env = self.lab.env
        with self.no_packet_astray():
            report = self.lab.probe("cloud", "smtp", "--host", env["SMTP_IPV6"], "--port", "25", "--encryption", "none",
                                    "--source", env["SOURCE_IPV6"], *envelope("customer.example"), "--limit", "tcp=4")
        self.note("IPv6 inside the tunnel", "" if report["verdict"] in GOOD else f"{report['verdict']} {report.get('cause')}")

    def syslog(self):
        """A line over each transport; the receiver must have it, by that way and from the alerting IP."""
        env = self.lab.env
        for transport, port, verdicts in (("udp", 514, {"unconfirmed"}), ("tcp", 514, GOOD), ("tls", 6514, GOOD)):
            words = ["syslog", "--host", env["SMTP"], "--port", port, "--transport", transport, "--source", env["SOURCE"],
                     *self.lab.tunnel(), "--limit", "tcp=4"]
            if transport == "tls":
                words += ["--tls-name", env["SYSLOG_NAME"], "--ca-file", env["CA"]]
            before = self.lines(transport)
            with self.no_packet_astray():
                report = self.lab.probe("cloud", *words)
            until = time.monotonic() + WRITTEN_SECONDS
            while (new := self.lines(transport) - before) == 0 and time.monotonic() < until:
                time.sleep(0.05)
            good = report["verdict"] in verdicts and new > 0
            self.note(f"SYSLOG over {transport}",
                      "" if good else f"{report['verdict']} {report.get('cause')}; lines received: {new}")

    def lines(self, transport):
        """How many lines came in by a transport from the alerting IP."""
        path = pathlib.Path(self.lab.env["SYSLOG_LOG"])
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        return sum(line.startswith(f"{transport} from={self.lab.env['SOURCE']} ") for line in text.splitlines())
