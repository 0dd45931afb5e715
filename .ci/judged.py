"""What the mock of the vendors' descriptions thought of our requests.   judged.py REQUESTS.jsonl VENDOR...

Fails on any violation, and on a vendor that got no request: a referee nobody called has judged nothing. A read (GET) of
something the description does not contain, such as a vendor's health check, is listed but is no fault.
"""
import json
import os
import sys

path, vendors = sys.argv[1], sys.argv[2:]
requests = [json.loads(line) for line in open(path)] if os.path.exists(path) else []
faults = []
for vendor in vendors:
    ours = [r for r in requests if r["name"] == vendor]
    unjudged = [r for r in ours if r["method"] == "GET" and not r["op"]]
    judged = [r for r in ours if r not in unjudged]
    bad = [f"{vendor}: {r['method']} {r['path']}: {v}" for r in judged for v in r["violations"]]
    print(f"{vendor}: {len(judged)} requests judged, {len(bad)} violations, {len(unjudged)} reads not in the description")
    faults += bad or ([] if judged else [f"{vendor}: no request was judged"])
sys.exit("\n".join(faults) or 0)
