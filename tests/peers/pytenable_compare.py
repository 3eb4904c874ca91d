"""Makes changes with pyTenable against the stand-in product, so that what it sends can be compared with what Postern sends.

Usage: pytenable_compare.py BASE_URL API_KEY < CHANGES

CHANGES is a JSON array of objects with pyTenable's argument names. Prints a JSON array, one object per change:
{"sent": true, "answer_understood": bool, "error": text or null}. What was sent is in the stand-in's own record.

pyTenable 26.10.1 does not understand the product's current answer (its schema lacks smtpRelayId and others) and raises
after the request has been made; that is told and is no failure of the comparison.
"""

import json
import sys

from marshmallow import ValidationError
from tenable.ie import TenableIE


def main() -> int:
    base_url, api_key = sys.argv[1], sys.argv[2]
    product = TenableIE(url=base_url, api_key=api_key, retries=0)
    results = []
    for change in json.load(sys.stdin):
        result = {"sent": True, "answer_understood": True, "error": None}
        try:
            product.application_settings.update(**change)
        except ValidationError as error:
            result["answer_understood"] = False
            result["error"] = str(error)
        results.append(result)
    json.dump(results, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
