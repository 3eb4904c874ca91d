"""A write is on disk before it is answered: strace shows fdatasync between each request and its answer.

Usage: fsync.py PROGRAM [--requests N] [--mute]

Requests go one at a time, so what the trace shows between two answers belongs to one request. `--mute` is the control: the
two calls are replaced by ones that do nothing, and the run must see that nothing waits for the disk: then it exits 0, else 1.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import uuid

from service import Service


MUTE = "int fsync(int file) { (void)file; return 0; }\nint fdatasync(int file) { (void)file; return 0; }\n"


def muted(folder):
    """What makes strace start a program whose fsync and fdatasync do nothing."""
    library = os.path.join(folder, "mute.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=MUTE, text=True, check=True)
    return ["-E", f"LD_PRELOAD={library}"]


def run(options):
    service = Service(options.program)
    trace = os.path.join(service.folder, "trace")
    service.wrap = ["strace", "-f", "-o", trace, "-s", "64", "-e", "trace=fdatasync,fsync,write,writev,sendto"]
    if options.mute:
        service.wrap += muted(service.folder)
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
    return 0 if synced == (0 if options.mute else answers) else 1


if __name__ == "__main__":
    words = argparse.ArgumentParser()
    words.add_argument("program")
    words.add_argument("--requests", type=int, default=200)
    words.add_argument("--mute", action="store_true")
    sys.exit(run(words.parse_args()))
