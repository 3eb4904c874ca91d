"""kill -9 of the service at random moments under load: nothing that was answered is lost, nothing happens twice.

Usage: kill.py PROGRAM [--kills N] [--database URL] [--early] [--seed S]

A ledger outside the system holds what each client sent and what it was told: ok, refused, or unknown where no whole answer
came. After the last kill every ok must be there exactly once, every unknown at most once, and a repeat with its key settles
it; the logs replay to the stored states; every planned mail is written, each Message-ID once. `--early` is the control: a
message counts as answered as soon as it is sent, as if the service answered before it commits, and the run must find losses:
then it exits 0, else 1.
"""

import argparse
import collections
import glob
import json
import os
import random
import shutil
import sqlite3
import sys
import threading
import time
import uuid

from service import Service

CLIENTS = 8


class Ledger:
    def __init__(self, path):
        self.file, self.lock, self.rows, self.in_flight = open(path, "a"), threading.Lock(), [], 0

    def write(self, row):
        with self.lock:
            self.rows.append(row)
            self.file.write(json.dumps(row) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())


def request(address):
    return {"smtp_location": "private", "smtp_ip": address, "smtp_port": 587, "encryption": "starttls", "sender_address": "alerts@alder.example"}


def client(service, ledger, stop, seed, early):
    chance = random.Random(seed)
    cases = []
    while not stop.is_set():
        key = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        if not cases or chance.random() < 0.3:
            path, body = "/api/v1/requests", request(f"10.20.{chance.randrange(256)}.{chance.randrange(1, 255)}")
        else:
            path, body = f"/api/v1/cases/{chance.choice(cases)}/messages", {"message": f"mark {key}"}
        row = {"key": key, "path": path, "body": body, "sent": time.time()}
        with ledger.lock:
            ledger.in_flight += 1
        try:
            status, answer = service.ask("POST", path, body, service.customer, key, early=early and "messages" in path)
            row["outcome"] = "ok" if status in (200, 201) else "refused"
            row["status"] = status
            if row["outcome"] == "ok" and path.endswith("/requests"):
                row["number"] = answer["number"]
                cases.append(answer["number"])
        except OSError:
            row["outcome"] = "unknown"
        with ledger.lock:
            ledger.in_flight -= 1
        ledger.write(row)
        if row["outcome"] == "unknown" or early:
            time.sleep(0.02)


def run(options):
    service = Service(options.program, options.database)
    ledger = Ledger(os.path.join(service.folder, "ledger.jsonl"))
    chance = random.Random(options.seed)
    stop = threading.Event()
    service.start()
    threads = [threading.Thread(target=client, args=(service, ledger, stop, f"{options.seed}.{n}", options.early), daemon=True) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    under_load = 0
    for _ in range(options.kills):
        time.sleep(chance.uniform(0.05, 0.5))
        under_load += ledger.in_flight > 0
        service.kill()
        service.start()
    stop.set()
    for thread in threads:
        thread.join(15)
    lost, twice, settled = check(service, ledger)
    outcomes = collections.Counter(row["outcome"] for row in ledger.rows)
    # Of the control only the losses matter.
    mails = service.kill() or 0 if options.early else finish(service)
    print(f"{options.kills} kills, {under_load} of them in load; {outcomes['ok']} acknowledged, {len(lost)} lost, {len(twice)} twice; "
          f"{outcomes['unknown']} unknown, {settled} settled by a repeat; {outcomes['refused']} refused; {mails} mails; "
          f"slowest start {service.slowest_start:.2f} s")
    for row in (lost + twice)[:5]:
        print("  ", json.dumps(row))
    if options.early:
        print("the control finds what was lost" if lost else "the control finds nothing: this test would not notice a loss")
        return 0 if lost else 1
    enough = under_load * 3 >= options.kills * 2
    if not enough:
        print("too few of the kills fell in load")
    shutil.rmtree(service.folder)
    return 0 if not lost and not twice and enough and service.slowest_start <= 5 and outcomes["ok"] > options.kills else 1


def check(service, ledger):
    """What was lost, what happened twice, and how many unknown outcomes a repeat settled."""
    lost, twice, settled, messages = [], [], 0, {}
    numbers = collections.Counter(row["number"] for row in ledger.rows if "number" in row)
    twice += [{"number": number} for number, count in numbers.items() if count > 1]
    for row in ledger.rows:
        if row["outcome"] != "unknown":
            continue
        status, answer = service.ask("POST", row["path"], row["body"], service.customer, row["key"])
        again = service.ask("POST", row["path"], row["body"], service.customer, row["key"])
        if status in (200, 201):
            settled += 1
            if again[1] != answer:
                twice.append(row)
            row["outcome_after"] = "ok"
    for row in ledger.rows:
        if "ok" not in (row["outcome"], row.get("outcome_after")):
            continue
        if "number" in row:
            status, case = service.ask("GET", f"/api/v1/cases/{row['number']}", None, service.customer)
            if status != 200 or case["data"]["smtp_ip"] != row["body"]["smtp_ip"]:
                lost.append(row)
        elif row["path"].endswith("/messages"):
            path = row["path"]
            if path not in messages:
                status, answer = service.ask("GET", path, None, service.customer)
                texts = json.dumps(answer) if status == 200 else ""
                messages[path] = texts
            count = messages[path].count(row["body"]["message"])
            if count == 0:
                lost.append(row)
            elif count > 1:
                twice.append(row)
    return lost, twice, settled


def finish(service):
    """Lets the outbox empty itself, replays the logs, and looks at the mails that were written."""
    quiet, before = 0, -1
    while quiet < 20:
        now = len(glob.glob(os.path.join(service.data, "mail", "*.eml")))
        quiet = quiet + 1 if now == before else 0
        before = now
        time.sleep(0.2)
    service.stop()
    service.command("workflow", "replay")
    left = left_to_send(service) if service.database.startswith("sqlite:") else 0
    if left:
        raise SystemExit(f"{left} mails were planned and never written")
    identifiers = collections.Counter()
    for path in glob.glob(os.path.join(service.data, "mail", "*.eml")):
        with open(path, encoding="utf-8", errors="replace") as file:
            identifiers[next(line for line in file if line.lower().startswith("message-id:"))] += 1
    repeated = [identifier for identifier, count in identifiers.items() if count > 1]
    if repeated:
        raise SystemExit(f"{len(repeated)} Message-IDs stand in two mails")
    return len(identifiers)


def left_to_send(service):
    """Mails that still wait, counted in a copy, so that this Python's older SQLite never touches the file itself."""
    copy = os.path.join(service.folder, "copy.db")
    shutil.copyfile(os.path.join(service.data, "postern.db"), copy)
    with sqlite3.connect(copy) as database:
        return database.execute("SELECT COUNT(*) FROM outbox WHERE state <> 'done' AND kind = 'mail'").fetchone()[0]


if __name__ == "__main__":
    words = argparse.ArgumentParser()
    words.add_argument("program")
    words.add_argument("--kills", type=int, default=150)
    words.add_argument("--database")
    words.add_argument("--early", action="store_true")
    words.add_argument("--seed", default="1")
    sys.exit(run(words.parse_args()))
