#!/bin/sh
# An agent for the coordinator: works on one issue, passes its gates, finishes it.
#
# CODING_AGENT is the command of a coding agent that reads a task on stdin and works in the current folder:
#   CODING_AGENT='your-agent --print --yes' jit coordinator start
#
# The coordinator gives the issue as the last argument and sets JIT_ISSUE, JIT_AGENT, JIT_CLAIM and JIT_REPO, so
# every `jit` below acts for this agent, under this very claim. Exit 0 with the issue done or gated is success;
# anything else gives the issue back, and it is tried again.
set -eu

issue=${1:-${JIT_ISSUE:?the coordinator names the issue}}
agent=${CODING_AGENT:?set CODING_AGENT to the command of your coding agent}

{
    echo "Work on this issue. Commit what you change. Do not change anything else."
    echo
    jit issue show "$issue"
} | sh -c "$agent"

# What the agent could not decide it has asked: then a person answers, and the claim has ended.
if [ "$(jit issue show "$issue" --field state)" != in_progress ]; then
    exit 0
fi

# Gates with a command are run, and their verdicts recorded with the tree they saw.
if ! jit gate run "$issue"; then
    jit gate status "$issue" | sh -c "
        echo 'These checks failed for $issue. Mend what they complain about, and commit.'; cat" | sh -c "$agent"
    jit gate run "$issue"
fi

# Done when every gate has passed; parked as gated when a person still has to look.
jit issue update "$issue" --state done || jit issue update "$issue" --state gated
