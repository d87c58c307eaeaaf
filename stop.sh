#!/usr/bin/env bash
# Stops what start.sh started, and nothing else.
#
#   ./stop.sh              the workers in the order of the flow, then the inbox, Vault and Redis
#   ./stop.sh stop-docker  the containers of compose.yaml; their data stays
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=$(realpath -m "${COMMS_STATE_DIR:-$root/.comms}")
cd "$root"
. scripts/processes.sh

workers=(scheduler-service campaign-service user-service notification-service email-service)
servers=(inbox vault redis)

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$root/stop.sh"; }

stop_all() {
    local name stopped=()
    if [[ ! -d $state/run ]]; then
        say "nothing of this folder is running"
        return
    fi
    exec 9>"$state/lock"
    flock -n 9 || { say "another start.sh or stop.sh is at work; waiting for it" && flock 9; }
    for name in "${workers[@]}" "${servers[@]}"; do
        if running "$name"; then stopped+=("$name"); fi
    done
    if ((${#stopped[@]} == 0)); then
        rm -f "$state"/run/*
        say "nothing of this folder is running"
        return
    fi
    say "stopping ${stopped[*]}"
    for name in "${workers[@]}"; do terminate "$name"; done
    # A worker finishes what it has in hand, which takes up to 25 s.
    wait_for_end 30 "${workers[@]}"
    for name in "${servers[@]}"; do
        terminate "$name"
        wait_for_end 15 "$name"
    done
    rm -f "$state"/run/*
    say "stopped; the data stays in $state"
}

case ${1:-} in
    '') stop_all ;;
    stop-docker) docker compose --profile console down ;;
    -h | --help) usage ;;
    *) usage >&2; fail "unknown argument: $1" ;;
esac
