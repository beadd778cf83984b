#!/bin/sh
# A lead for the coordinator: has a coding agent break an issue down, and hands the pieces out.
#
# CODING_AGENT is asked for a plan (jit help plans), whose issues the epic then waits for. They all come up in one
# commit; a repeated try applies the plan again, which makes nothing twice.
set -eu

epic=${1:-${JIT_ISSUE:?the coordinator names the issue}}
agent=${CODING_AGENT:?set CODING_AGENT to the command of your coding agent}

{
    echo "Break this issue into pieces, as a plan in YAML. Answer with the plan and nothing else."
    echo "Each piece is ready, carries the label code, and has the parent $epic. Name the plan epic-$epic."
    echo
    jit help plans
    jit issue show "$epic"
} | sh -c "$agent" | jit apply -

# The epic waits for its pieces now: it is put away, which ends the claim, until somebody takes it up.
jit issue update "$epic" --state open
