# shellcheck shell=bash
# Processes that outlive the script, each with a record in $state/run: id, start time, address.
# The start time tells a process of ours from a stranger to which the system gave the same id.

say() { printf '%s\n' "$*"; }
fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# started_at ID: the start time in clock ticks after boot; fails for what is gone or a zombie.
started_at() {
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # The name in parentheses may hold spaces; what follows it is the state and the numbers (proc(5)).
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} != [ZX] ]] || return 1
    printf '%s\n' "${fields[19]}"
}

# running NAME: sets $pid and $addr.
running() {
    local start now
    pid='' addr=''
    [[ -r $state/run/$1 ]] || return 1
    read -r pid start addr <"$state/run/$1" || return 1
    now=$(started_at "$pid") || return 1
    [[ $now == "$start" ]]
}

# launch NAME ADDR COMMAND...: starts it in a session of its own, so that Ctrl-C doesn't reach it.
launch() {
    local name=$1 addr=$2 log=$state/logs/$1.log id start
    shift 2
    if [[ -s $log ]]; then mv "$log" "$log.1"; fi
    # The inner shell ends at once: the process belongs to init, not to this script.
    id=$(setsid "$@" >"$log" 2>&1 </dev/null 9>&- & printf '%s' "$!")
    start=$(started_at "$id") || start=gone
    printf '%s %s %s\n' "$id" "$start" "$addr" >"$state/run/$name"
}

# terminate NAME: SIGTERM, if it is still the process that we started.
terminate() {
    if running "$1"; then kill -TERM "$pid" 2>/dev/null || true; fi
}

# wait_for_end SECONDS NAME...: then kills what is left.
wait_for_end() {
    local until=$((SECONDS + $1)) name limit=$1
    shift
    for name in "$@"; do
        while running "$name" && ((SECONDS < until)); do sleep 0.1; done
        if running "$name"; then
            say "$name did not end within $limit s and is killed; what it had in hand is taken up again at the next start"
            kill -KILL "$pid" 2>/dev/null || true
        fi
        rm -f "$state/run/$name"
    done
}

# listens PORT: whether someone answers there.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# choose_port NAME DEFAULT: sets $port to where NAME ran before or to the default; where a stranger has that,
# to the same number plus a multiple of 10,000.
choose_port() {
    local name=$1 default=$2 candidate
    if [[ -r $state/run/$name ]]; then
        read -r _ _ candidate <"$state/run/$name" || true
        port=${candidate##*:}
        if [[ -n $port ]] && ! listens "$port"; then return; fi
    fi
    for candidate in "$default" $((default + 10000)) $((default + 20000)) $((default + 30000)) $((default + 40000)); do
        if ! listens "$candidate"; then
            port=$candidate
            if ((port != default)); then
                say "port $default is taken by a server that is not ours: $name uses $port"
            fi
            return
        fi
    done
    fail "no free port for $name: $default and the numbers 10000 to 40000 above it are all taken"
}

# http_get ADDR PATH: sets $status and $body; fails when nobody answers.
http_get() {
    status='' body=''
    local answer
    answer=$(
        exec 2>/dev/null
        exec 3<>"/dev/tcp/${1%:*}/${1##*:}" || exit 1
        printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$2" "$1" >&3
        timeout 5 cat <&3
    ) || return 1
    read -r _ status _ <<<"$answer"
    body=${answer#*$'\r\n\r\n'}
}

# broken NAME WHY: the end of its log, and what to do.
broken() {
    say
    say "$1 $2. The end of its log, $state/logs/$1.log:"
    tail -n 20 "$state/logs/$1.log" 2>/dev/null | sed 's/^/    /'
    fail "$1 $2 (see above); put it right and run ./start.sh again, or ./stop.sh"
}

# wait_until SECONDS NAME COMMAND...: until the command succeeds; the end of the process is an error at once.
wait_until() {
    local limit=$1 name=$2 begin=$SECONDS told=0
    shift 2
    until "$@"; do
        running "$name" || broken "$name" "ended"
        ((SECONDS - begin < limit)) || broken "$name" "is not ready after $limit s${body:+ (it answers: $body)}"
        if ((SECONDS - begin >= told + 10)); then
            told=$((SECONDS - begin))
            say "  still waiting for $name, $told s${body:+: $body}"
        fi
        sleep 0.1
    done
}
