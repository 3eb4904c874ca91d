"""A Postern service of a test: its own folder, its own people, started, killed and started again."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Service:
    """`postern serve` over a database, with one customer, a contact and an engineer who hold API tokens."""

    def __init__(self, program, database=None, wrap=()):
        self.program, self.wrap = program, list(wrap)
        self.folder = tempfile.mkdtemp(prefix="postern-faults-")
        self.data = os.path.join(self.folder, "data")
        self.database = database or f"sqlite:{self.data}/postern.db"
        self.port = free_port()
        self.environment = {"PATH": os.environ["PATH"], "POSTERN_PUBLIC_URL": f"http://127.0.0.1:{self.port}"}
        self.process = None
        self.slowest_start = 0.0
        os.makedirs(self.data)
        self.config = os.path.join(self.folder, "config.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("[policy]\nallow_documentation = true\n")
        self._people()

    def command(self, *words, secret=None):
        place = ["--config", self.config, "--data", self.data, "--database", self.database]
        done = subprocess.run([self.program, *words, *place], input=secret, text=True, capture_output=True, env=self.environment)
        if done.returncode != 0:
            raise SystemExit(f"postern {' '.join(words)}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def _people(self):
        self.command("customer", "add", "--name", "Alder Mutual", "--architecture", "vpn")
        self.command("tunnel", "add", "--customer", "Alder Mutual", "--name", "alder-1", "--our-gateway", "198.51.100.1",
                     "--peer-gateway", "203.0.113.2", "--our-network", "10.99.0.0/24", "--peer-network", "10.20.0.0/16",
                     "--alerting-ip", "10.99.0.8")
        self.command("user", "add", "--name", "Dana Field", "--email", "dana@alder.example", "--customer", "Alder Mutual")
        self.command("user", "add", "--name", "Kim Castle", "--email", "kim@vendor.example", "--role", "support", "--role", "network")
        token = lambda email: self.command("token", "create", "--email", email, "--name", "faults", "--expires", "7d").split()[-1]
        self.customer, self.engineer = token("dana@alder.example"), token("kim@vendor.example")

    def start(self):
        """Starts the service and waits until it is ready; remembers the slowest start."""
        begun = time.monotonic()
        log = open(os.path.join(self.folder, "serve.log"), "ab")
        words = [*self.wrap, self.program, "serve", "--listen", f"127.0.0.1:{self.port}", "--config", self.config, "--data", self.data,
                 "--database", self.database]
        self.process = subprocess.Popen(words, stdout=log, stderr=log, env=self.environment, start_new_session=True)
        while True:
            try:
                if self.ask("GET", "/readyz", None)[0] == 200:
                    break
            except OSError:
                pass
            if time.monotonic() - begun > 15 or self.process.poll() is not None:
                raise SystemExit(f"the service does not come up: {open(log.name).read()[-2000:]}")
            time.sleep(0.01)
        self.slowest_start = max(self.slowest_start, time.monotonic() - begun)

    def kill(self):
        """kill -9, no warning."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)

    def ask(self, method, path, body, token=None, key=None, timeout=10, early=False):
        """One request on a connection of its own: (status, answer). OSError where no whole answer came. With `early` the
        answer is made up as soon as the request is out, as by a service that answers before it commits."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers["Idempotency-Key"] = key
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        if not early:
            return hear(connection)
        # The answer is awaited aside: a service may give up what nobody waits for any more.
        threading.Thread(target=hear_or_not, args=(connection,), daemon=True).start()
        return 201, None


def hear(connection):
    """The answer: (status, answer). OSError where no whole one came."""
    try:
        response = connection.getresponse()
        text = response.read()
    except http.client.HTTPException as error:
        raise OSError(f"no whole answer: {error!r}") from error
    finally:
        connection.close()
    try:
        return response.status, json.loads(text) if text else None
    except ValueError:
        return response.status, text


def hear_or_not(connection):
    """As `hear`, for an answer that may stay away."""
    with contextlib.suppress(OSError):
        hear(connection)
