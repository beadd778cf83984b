#!/bin/sh
# A lead for the coordinator: has a coding agent break an issue down, and hands the pieces out.
#
# CODING_AGENT is asked for a plan: a line a piece, nothing else. Each becomes a ready issue that the epic waits for.
set -eu

epic=${1:-${JIT_ISSUE:?the coordinator names the issue}}
agent=${CODING_AGENT:?set CODING_AGENT to the command of your coding agent}

{
    echo "Break this issue into pieces that can be worked on at the same time."
    echo "Answer with a title a line, at most 100 characters, and nothing else."
    echo
    jit issue show "$epic"
} | sh -c "$agent" | while IFS= read -r title; do
    [ -n "$title" ] || continue
    # A repeated try makes no second piece of the same name.
    piece=$(jit issue create --title "$title" --label code --op-id "$epic/$title")
    jit dep add "$epic" "$piece"
    jit issue update "$piece" --state ready
done

# The epic waits for its pieces now: it is put away, which ends the claim, until somebody takes it up.
jit issue update "$epic" --state open
