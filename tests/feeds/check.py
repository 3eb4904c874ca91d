"""Reads the published lists of alerting IPs with parsers that we did not write.

Usage: check.py SCHEMA JSON TXT ATOM ICS

Exit code 0 where every list is what its standard says and holds the addresses that the JSON names; else 1, with the reason.
"""

import ipaddress
import json
import sys

import feedparser
import icalendar
import jsonschema


def the(condition: bool, what: str) -> None:
    if not condition:
        sys.exit(what)


def check_json(schema: dict, text: str) -> list[str]:
    document = json.loads(text)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    faults = [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(document)]
    the(not faults, f"JSON: {'; '.join(faults)}")
    return [prefix["cidr"] for prefix in document["prefixes"]]


def check_atom(text: bytes) -> None:
    feed = feedparser.parse(text)
    the(not feed.bozo, f"Atom: {feed.get('bozo_exception')}")
    the(feed.version == "atom10", f"Atom: the version is {feed.version}")
    for field in ("id", "title", "updated", "author"):
        the(bool(feed.feed.get(field)), f"Atom: the feed has no {field}")
    ids = [entry.id for entry in feed.entries]
    the(len(ids) > 0 and len(ids) == len(set(ids)), f"Atom: {len(ids)} entries, {len(set(ids))} identifiers")
    for entry in feed.entries:
        the(bool(entry.title and entry.updated_parsed and entry.link), f"Atom: {entry.id} lacks a title, a time or a link")


def check_ics(text: bytes) -> None:
    the(b"\r\n" in text, "iCalendar: lines do not end in CRLF (RFC 5545, section 3.1)")
    calendar = icalendar.Calendar.from_ical(text)
    events = list(calendar.walk("VEVENT"))
    the(bool(events), "iCalendar: there is no event")
    seen = set()
    for event in events:
        the(not event.errors, f"iCalendar: {event.errors}")
        for name in ("UID", "DTSTAMP", "DTSTART", "SUMMARY", "SEQUENCE", "STATUS", "X-MAINTNOTE-MAINTENANCE-ID"):
            the(name in event, f"iCalendar: an event has no {name}")
        the(str(event["UID"]) not in seen, f"iCalendar: {event['UID']} comes twice")
        seen.add(str(event["UID"]))
        event.decoded("DTSTART")


def main() -> int:
    schema, as_json, as_txt, as_atom, as_ics = (open(path, "rb").read() for path in sys.argv[1:6])
    listed = check_json(json.loads(schema), as_json.decode())
    lines = as_txt.decode().split()
    for line in lines:
        ipaddress.ip_network(line)
    the(lines == listed, f"the text lists {lines}, the JSON {listed}")
    check_atom(as_atom)
    check_ics(as_ics)
    print(f"{len(listed)} prefixes; JSON Schema, feedparser and icalendar find no fault")
    return 0


if __name__ == "__main__":
    sys.exit(main())
