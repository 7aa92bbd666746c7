"""A worker in Python: one line of JSON in, one line of JSON out, until the input ends.

{"task":0,"attempt":1,"input":"crash"} is answered with "CRASH"; {"error": "…"} would fail the task.
"""
import json
import sys

for line in sys.stdin:
    task = json.loads(line)
    print(json.dumps(task["input"].upper()), flush=True)
