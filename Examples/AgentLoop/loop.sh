#!/bin/bash
# The loop of loop.py in a shell: a model's tool_use blocks go to one `portal call`, and tool_result blocks come back.
#   loop.sh TARGET TURNS        TURNS stands for the model: a file with the tool_use blocks of each of its turns, one array a line
set -euo pipefail

coproc PORTAL { exec portal call "$1"; }
portal=$PORTAL_PID to_portal=${PORTAL[1]} from_portal=${PORTAL[0]}
json() { python3 -c "import json, sys; value = json.load(sys.stdin); $1"; }

while IFS= read -r turn; do
    # In earnest the turn is what `curl …/v1/messages` answers.
    blocks=$(json 'print("\n".join(map(json.dumps, value)))' <<<"$turn")
    printf '%s\n' "$blocks" >&"$to_portal"
    while IFS= read -r _; do
        IFS= read -r result <&"$from_portal"
        json 'print(value["content"])' <<<"$result"
    done <<<"$blocks"
done <"$2"
exec {to_portal}>&-
wait "$portal"
echo "The model is done."
