#!/usr/bin/env python3
"""Writes seeds for the fuzz targets from the table of recorded cases: seeds.py TABLE FOLDER."""

import pathlib
import re
import sys

ESCAPE = re.compile(r"\\(r|n|\\|x[0-9a-fA-F]{2})")
# What a server says in a case ends where the next step or a remark begins.
SAID = re.compile(r"S:(.*?)(?= S:| C:| C:<| \|\|| \(| then | and | for ever|$)")
# A whole dialogue, line by line; T is a handshake that succeeds.
WHOLE = [
    b"S220 mx\r\n",
    b"S250-mx\r\nS250-STARTTLS\r\nS250-8BITMIME\r\nS250-SMTPUTF8\r\nS250 AUTH PLAIN LOGIN\r\n",
    b"S220 go\r\n",
    b"T",
    b"S250-mx\r\nS250-8BITMIME\r\nS250-SMTPUTF8\r\nS250 AUTH LOGIN\r\n",
    b"S334 VXNlcm5hbWU6\r\n",
    b"S334 UGFzc3dvcmQ6\r\n",
    b"S235 ok\r\n",
    b"S250 ok\r\n",
    b"S250 ok\r\n",
    b"S250 ok\r\n",
    b"S354 go\r\n",
    b"S250 2.6.0 queued\r\n",
    b"S221 bye\r\n",
]
# Everything switched on (mode is the octet modulo 3: clear, STARTTLS, implicit TLS), and a reach test.
PLANS = [126, 127, 125, 253, 254, 255, 122]


def octets(text: str) -> bytes:
    simple = {"r": b"\r", "n": b"\n", "\\": b"\\"}
    out, at = b"", 0
    for match in ESCAPE.finditer(text):
        word = match[1]
        out += text[at : match.start()].encode() + (simple.get(word) or bytes([int(word[1:], 16)]))
        at = match.end()
    return out + text[at:].encode()


def events(said: bytes) -> bytes:
    return b"".join(b"S" + line for line in said.splitlines(keepends=True))


def main(table: str, folder: str) -> None:
    rows = pathlib.Path(table).read_text().splitlines()[1:]
    for target in ("reply", "dialogue"):
        pathlib.Path(folder, target).mkdir(parents=True, exist_ok=True)

    def write(target: str, name: str, seed: bytes) -> None:
        pathlib.Path(folder, target, name).write_bytes(seed)

    count = 0
    for row in rows:
        case, _, _, dialogue, _ = row.split("\t")
        for index, match in enumerate(SAID.finditer(dialogue)):
            said = octets(match[1])
            if not said:
                continue
            count += 1
            write("reply", f"{case}-{index}", b"\x07" + said)
            # The same at the greeting, and after each step of a good dialogue.
            for step in range(len(WHOLE)):
                seed = b"".join(WHOLE[:step]) + events(said)
                write("dialogue", f"{case}-{index}-{step}", bytes([PLANS[step % 2]]) + seed)
    for plan in PLANS:
        write("dialogue", f"whole-{plan}", bytes([plan]) + b"".join(WHOLE))
    write("reply", "whole", b"\x40" + b"".join(WHOLE).replace(b"\nS", b"\n"))
    if count < 30:
        sys.exit(f"seeds.py: only {count} lines of servers were found in {table}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: seeds.py TABLE FOLDER")
    main(sys.argv[1], sys.argv[2])
