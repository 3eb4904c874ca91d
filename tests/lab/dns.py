"""dns.py ADDRESS FILE: a resolver for one customer. Whatever the name, the A record is what stands in FILE at that moment."""
import ipaddress
import pathlib
import socket
import sys

A, IN, NO_ERROR = 1, 1, 0x8180
address, file = sys.argv[1], pathlib.Path(sys.argv[2])
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((address, 53))
while True:
    question, source = server.recvfrom(512)
    end = 12
    while end < len(question) and question[end]:
        end += question[end] + 1
    # The root label, type and class (RFC 1035, section 4.1.2).
    end += 5
    if end > len(question):
        continue
    record = b""
    if int.from_bytes(question[end - 4:end - 2]) == A:
        answer = ipaddress.IPv4Address(file.read_text().strip()).packed
        record = b"\xc0\x0c" + A.to_bytes(2) + IN.to_bytes(2) + (5).to_bytes(4) + len(answer).to_bytes(2) + answer
    counts = (1).to_bytes(2) + (1 if record else 0).to_bytes(2) + bytes(4)
    server.sendto(question[:2] + NO_ERROR.to_bytes(2) + counts + question[12:end] + record, source)
