"""Checks messages with the Python library of Standard Webhooks: standard input holds a list of {key, headers, body}.

Each must be taken as it is, and refused with another body, another id, another timestamp and under another key.
"""

import base64
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def is_taken(key, headers, body):
    try:
        Webhook(key).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


taken = refused = 0
for case in json.load(sys.stdin):
    key, headers, body = case["key"], case["headers"], case["body"]
    if not is_taken(key, headers, body):
        sys.exit(f"refused: {headers}")
    taken += 1
    later = str(int(headers["webhook-timestamp"]) + 1)
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    changed = [
        (key, headers, body.replace("{", "{ ", 1)),
        (key, {**headers, "webhook-id": "msg_0"}, body),
        (key, {**headers, "webhook-timestamp": later}, body),
        (other, headers, body),
    ]
    for one in changed:
        if is_taken(*one):
            sys.exit(f"taken although it was changed: {one[1]}")
        refused += 1
print(f"{taken} taken, {refused} changed ones refused")
