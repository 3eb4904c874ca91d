"""kill -9 of the service between sending a webhook and writing down that it was taken: no message is lost, repeats are the same.

Usage: webhooks.py PROGRAM [--requests N]

A receiver on this machine kills the service with every fourth message that it has not seen before, and answers then, to nobody. At
the end every event of the database must have been received, each message under one id with one body, everything that was cut off
again under the same id, and each with a signature that holds.
"""

import argparse
import base64
import hashlib
import hmac
import http.server
import json
import os
import shutil
import signal
import sys
import threading
import time
import uuid

from service import Service


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps every message, and kills the service while it waits for some of the answers."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.got, self.cut_off = threading.Lock(), [], set()
        self.service = self.key = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, id, timestamp, signature, body):
        signed = hmac.new(self.key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        holds = f"v1,{base64.b64encode(signed).decode()}" in signature.split(" ")
        with self.lock:
            is_new = all(id != known for known, _, _ in self.got)
            self.got.append((id, body.decode(), holds))
            if is_new and len({known for known, _, _ in self.got}) % 4 == 0:
                self.cut_off.add(id)
                os.killpg(self.service.process.pid, signal.SIGKILL)
                self.service.process.wait()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.take(self.headers["webhook-id"], self.headers["webhook-timestamp"], self.headers["webhook-signature"], body)
        try:
            self.send_response(204)
            self.end_headers()
        except OSError:
            pass

    def log_message(self, *_):
        pass


def ask(service, method, path, body=None, token=None, key=None):
    """Asks until there is an answer, over every kill."""
    for _ in range(200):
        try:
            return service.ask(method, path, body, token, key)
        except OSError:
            if service.process.poll() is not None:
                service.start()
            time.sleep(0.02)
    raise SystemExit(f"{method} {path} was never answered")


def states(service):
    rows = service.command("webhook", "deliveries", "--name", "all", "--limit", "1000", "--json")
    return [json.loads(row) for row in rows.splitlines()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--requests", type=int, default=12)
    options = parser.parse_args()
    service, receiver = Service(options.program), Receiver()
    with open(service.config, "a", encoding="utf-8") as file:
        file.write('[webhooks]\nallow = ["127.0.0.1/32"]\n')
    service.command("user", "add", "--name", "Ada Root", "--email", "ada@vendor.example", "--role", "admin")
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    key = service.command("webhook", "add", "--name", "all", "--url", url, "--owner", "ada@vendor.example").splitlines()[0]
    receiver.service, receiver.key = service, base64.b64decode(key.removeprefix("whsec_"))
    service.start()
    numbers = set()
    for index in range(options.requests):
        body = {"smtp_location": "private", "smtp_ip": f"10.20.7.{index + 1}", "smtp_port": 587, "encryption": "starttls",
                "sender_address": "alerts@alder.example"}
        status, case = ask(service, "POST", "/api/v1/requests", body, service.customer, str(uuid.uuid4()))
        if status not in (200, 201):
            raise SystemExit(f"a request was answered {status}: {case}")
        numbers.add(case["number"])
    until = time.monotonic() + 60
    while time.monotonic() < until and any(row["state"] == "waiting" for row in states(service)):
        ask(service, "GET", "/livez")
        time.sleep(0.1)
    rows = states(service)
    service.stop()
    bodies = {}
    for id, body, _ in receiver.got:
        bodies.setdefault(id, set()).add(body)
    told = [json.loads(body) for found in bodies.values() for body in found]
    created = {one["data"]["number"] for one in told if one["type"] == "case.created"}
    repeated = {id for id in receiver.cut_off if sum(known == id for known, _, _ in receiver.got) > 1}
    faults = {
        "not delivered": [row["id"] for row in rows if row["state"] != "delivered"],
        "lost": [row["id"] for row in rows if "msg_" + row["id"].replace("-", "") not in bodies],
        "cases nobody was told of": sorted(numbers - created),
        "one id, two bodies": [id for id, found in bodies.items() if len(found) > 1],
        "cut off and never repeated": sorted(receiver.cut_off - repeated),
        "wrong signatures": [id for id, _, holds in receiver.got if not holds],
    }
    print(f"{len(receiver.cut_off)} kills between sending and marking; {len(rows)} messages, {len(receiver.got)} received, "
          f"{len(repeated)} repeated under their id; " + "; ".join(f"{len(found)} {name}" for name, found in faults.items()))
    if any(faults.values()) or len(receiver.cut_off) < 3:
        print(json.dumps(faults), file=sys.stderr)
        return 1
    shutil.rmtree(service.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
