#!/usr/bin/env bash
# Runs every test against real servers of its own on free ports, and ends them.
#
#   ./test.sh [FILTER...]       all tests, or those whose name contains a FILTER
#   ./test.sh soak [FILTER...]  the long ones in full, or those
#
# Gets what is missing: redis-server, PostgreSQL, Postfix's smtp-sink, OpenBao, and a second Redis, 8.x, for
# the scripts' tests.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kept=$root/.comms
cd "$root"
. scripts/processes.sh
state=$kept
. scripts/packages.sh

# The servers live here, apart from those of start.sh.
here=$(mktemp -d "${TMPDIR:-/tmp}/comms-test-XXXXXX")
# All tests together, in minutes.
limit=${COMMS_TEST_LIMIT_MIN:-30}
unprivileged=()

finish() {
    state=$here
    for name in vault postgres redis; do
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for its clients.
        if [[ $name == postgres ]] && running postgres; then kill -INT "$pid" 2>/dev/null || true; fi
        terminate "$name"
        wait_for_end 10 "$name"
    done
    rm -rf "$here"
}

get_what_is_missing() {
    mkdir -p "$kept"
    need_cargo
    get compiler redis postgres smtp-sink pip
    vault_bin >/dev/null || install_openbao || fail "cannot get OpenBao; put bao or vault on PATH"
    if ! redis8_bin >/dev/null; then
        install_redis8 || say "left out: the scripts on Redis 8, which can't be had here (COMMS_TEST_REDIS8_SERVER)"
    fi
    COMMS_TEST_REDIS8_SERVER=$(redis8_bin || true)
    COMMS_TEST_REDIS_SERVER=$(command -v redis-server)
    COMMS_TEST_PG_BIN=$(pg_bin)
    COMMS_TEST_BAO=$(vault_bin)
    COMMS_TEST_SMTP_SINK=$(PATH=$PATH:/usr/sbin command -v smtp-sink)
    export COMMS_TEST_REDIS_SERVER COMMS_TEST_REDIS8_SERVER COMMS_TEST_PG_BIN COMMS_TEST_BAO COMMS_TEST_SMTP_SINK
}

# free_port: sets $port.
free_port() {
    port=$((20000 + RANDOM % 12000))
    while listens "$port"; do port=$((20000 + RANDOM % 12000)); done
}

start_servers() {
    state=$here
    mkdir -p "$here/run" "$here/logs" "$here/redis" "$here/postgres"
    free_port
    launch redis "127.0.0.1:$port" "$COMMS_TEST_REDIS_SERVER" --port "$port" --bind 127.0.0.1 --dir "$here/redis" \
        --save '' --appendonly no
    wait_until 20 redis listens "$port"
    export COMMS_TEST_REDIS_URL=redis://127.0.0.1:$port
    start_postgres
    free_port
    launch vault "127.0.0.1:$port" "$COMMS_TEST_BAO" server -dev -dev-no-store-token -dev-root-token-id=0000 \
        "-dev-listen-address=127.0.0.1:$port"
    # It is initialised, unsealed and active then.
    wait_until 30 vault vault_ready
    export COMMS_TEST_VAULT_ADDR=http://127.0.0.1:$port
}

vault_ready() { http_get "127.0.0.1:$port" /v1/sys/health && [[ $status == 200 ]]; }

# PostgreSQL refuses to run as root.
start_postgres() {
    if ((!$(id -u))); then
        chmod 711 "$here"
        chown nobody "$here/postgres"
        unprivileged=(setpriv --reuid nobody --regid nogroup --clear-groups --)
    fi
    (cd / && "${unprivileged[@]}" "$COMMS_TEST_PG_BIN/initdb" -D "$here/postgres/data" -U postgres -A trust --no-sync) \
        >"$here/logs/initdb.log" 2>&1 || fail "initdb failed: $(tail -n 5 "$here/logs/initdb.log")"
    free_port
    launch postgres "127.0.0.1:$port" "${unprivileged[@]}" "$COMMS_TEST_PG_BIN/postgres" -D "$here/postgres/data" \
        -p "$port" -k "$here/postgres" -h 127.0.0.1 -c fsync=off -c max_connections=300
    wait_until 30 postgres "$COMMS_TEST_PG_BIN/pg_isready" -q -h 127.0.0.1 -p "$port"
    export COMMS_TEST_POSTGRES_URL=postgres://postgres@127.0.0.1:$port/postgres
}

# A user's own settings must not reach the tests; .comms/env.toml neither.
forget_settings() {
    local name
    for name in $(compgen -e); do
        if [[ $name == COMMS_* && $name != COMMS_TEST_* && $name != COMMS_SOAK ]] || [[ $name == VAULT_* ]]; then
            unset "$name"
        fi
    done
    export COMMS_STATE_DIR=$here/state
}

# run ARGUMENTS...: cargo test, its output kept for the summary.
run() {
    timeout --foreground --kill-after=10 "${limit}m" cargo test --release --locked --no-fail-fast "$@" 2>&1 |
        tee -a "$here/output"
}

summary() {
    local code=$1
    say
    # "test result: ok. 20 passed; 0 failed; 3 ignored; …"
    awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
        END { printf "%d passed, %d failed, %d ignored\n", passed, failed, ignored }' "$here/output"
    sed -n 's/^test \(.*\) \.\.\. FAILED$/  failed: \1/p' "$here/output"
    if ((code == 124)); then say "stopped after $limit minutes (COMMS_TEST_LIMIT_MIN)"; fi
    if ((code)); then fail "the tests failed"; fi
    # A filter may match nothing in one binary, but nothing at all is a mistake.
    grep -qE '^test result: .* [1-9][0-9]* passed' "$here/output" || fail "no test has that name"
    say "all tests passed in $((SECONDS / 60)) min $((SECONDS % 60)) s"
}

soak=no
if [[ ${1:-} == soak ]]; then
    soak=yes
    shift
    export COMMS_SOAK=1
fi
trap finish EXIT
get_what_is_missing
forget_settings
start_servers
say "building"
# The binaries too, as the tests start them.
cargo test --release --locked --no-run || fail "the build failed; see above"
code=0
if [[ $soak == yes ]]; then
    limit=${COMMS_TEST_LIMIT_MIN:-240}
    run --test main -- --include-ignored --show-output "${@:-soak}" || code=$?
else
    run -- "$@" || code=$?
fi
summary "$code"
