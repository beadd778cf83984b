#!/bin/sh
# jit hook @HOOK@ (@SUM@): put here by `jit hooks install`, taken away by `jit hooks uninstall`.
# A hook that was here before stands beside this file and is called first.
hook=@HOOK@
kept="${0%/*}/$hook.before-jit"
said=

call_kept() (
    [ -x "$kept" ] && [ -z "$JIT_HOOK_PROBE" ] || exit 0
    export JIT_HOOK_INSIDE="$hook $* $said"
    IFS= read -r first < "$kept"
    case $first in
    # A script of the shell is read in place, so that it sees the name it was written for.
    '#!/bin/sh' | '#!/usr/bin/env sh') . "$kept" ;;
    *) "$kept" "$@" ;;
    esac
)

call_jit() {
    # Some hooks start themselves a second time; jit has its turn after the first.
    if [ "$JIT_HOOK_INSIDE" = "$hook $* $said" ]; then
        exit 0
    elif command -v jit > /dev/null 2>&1; then
        exec jit hooks run "$hook" "$@"
    elif [ "$hook" = pre-receive ]; then
        # A hub that cannot judge takes nothing.
        echo "jit is not on the PATH of this hub, so nothing can be pushed" >&2
        exit 1
    else
        echo "warning: jit is not on the PATH, so its $hook hook does nothing" >&2
    fi
}

case $hook in
pre-push | post-rewrite | pre-receive)
    # What git says on stdin is for both.
    said=$(cat && echo .)
    printf %s "${said%.}" | call_kept "$@" || exit
    printf %s "${said%.}" | call_jit "$@"
    ;;
*)
    if [ -e "$kept" ]; then call_kept "$@" || exit; fi
    call_jit "$@"
    ;;
esac
