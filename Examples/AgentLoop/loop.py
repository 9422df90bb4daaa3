#!/usr/bin/env python3
"""An agent's loop with its hands on another machine: what a model wants done is passed on, and what came of it is passed back.

    loop.py TARGET TURNS        TURNS stands for the model: a file with the tool_use blocks of each of its turns, one array a line
"""

import json
import subprocess
import sys

target, turns = sys.argv[1:]
# One for the whole conversation: it knows in which directory the shell is, and which files the model has read.
portal = subprocess.Popen(["portal", "call", target], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def call(blocks):
    """Makes the calls of one turn, at the same time, and returns their tool_result blocks in their order."""
    for block in blocks:
        portal.stdin.write(json.dumps(block) + "\n")
    portal.stdin.flush()
    results = [json.loads(portal.stdout.readline()) for _ in blocks]
    return [next(result for result in results if result["tool_use_id"] == block["id"]) for block in blocks]


messages = [{"role": "user", "content": "Write a greeting, and run it."}]
for turn in map(json.loads, open(turns)):  # In earnest: client.messages.create(messages=messages, tools=…).content
    messages.append({"role": "assistant", "content": turn})
    results = call([block for block in turn if block["type"] == "tool_use"])
    messages.append({"role": "user", "content": results})
    for result in results:
        print(result["content"])
portal.stdin.close()
portal.wait()
print("The model is done.")
