"""A write is on disk before it is answered: strace shows fdatasync between each request and its answer.

Usage: fsync.py PROGRAM [--requests N] [--fault normal-sync]

Requests go one at a time, so what the trace shows between two answers belongs to one request. With `--fault` the program (a
build with debug assertions) does not wait for the disk, and the run must see that: then it exits 0, else 1.
"""

import argparse
import os
import re
import shutil
import sys
import uuid

from service import Service


def run(options):
    service = Service(options.program, fault=options.fault)
    trace = os.path.join(service.folder, "trace")
    service.wrap = ["strace", "-f", "-o", trace, "-s", "64", "-e", "trace=fdatasync,fsync,write,writev,sendto"]
    service.start()
    body = {"smtp_location": "private", "smtp_ip": "10.20.4.15", "smtp_port": 587, "encryption": "starttls", "sender_address": "alerts@alder.example"}
    status, case = service.ask("POST", "/api/v1/requests", body, service.customer, str(uuid.uuid4()), 60)
    if status != 201:
        raise SystemExit(f"the first request was answered {status}: {case}")
    path = f"/api/v1/cases/{case['number']}/messages"
    for number in range(options.requests):
        status, answer = service.ask("POST", path, {"message": f"mark-{number:04}"}, service.customer, str(uuid.uuid4()), 60)
        if status != 201:
            raise SystemExit(f"message {number} was answered {status}: {answer}")
    service.stop()
    answers, synced, since = 0, 0, 0
    for line in open(trace, encoding="utf-8", errors="replace"):
        if re.search(r"\bf(data)?sync\(", line) or "fdatasync resumed" in line:
            since += 1
        elif "HTTP/1.1 201" in line:
            answers += 1
            synced += since > 0
            since = 0
    print(f"{answers} acknowledgements, {synced} of them after an fdatasync")
    shutil.rmtree(service.folder)
    if answers < options.requests:
        raise SystemExit("the trace does not show every answer")
    if options.fault:
        # A checkpoint of the write-ahead log synchronizes now and then, whatever the setting.
        return 0 if synced < answers // 10 else 1
    return 0 if synced == answers else 1


if __name__ == "__main__":
    words = argparse.ArgumentParser()
    words.add_argument("program")
    words.add_argument("--requests", type=int, default=200)
    words.add_argument("--fault")
    sys.exit(run(words.parse_args()))
