#!/usr/bin/env bash
# Starts everything on this machine and opens the console.
#
#   ./start.sh               Redis, Vault, the inbox and the workers, then the console
#   ./start.sh --no-vault    without Vault: the settings come from files and the environment
#   ./start.sh build-docker  the same in containers (compose.yaml)
#
# COMMS_DATABASE_URL, COMMS_REDIS_URL, COMMS_SMTP_URL and VAULT_ADDR are obeyed: the server they name is used,
# and none is started here. COMMS_PROFILE is dev or prod. State, logs and env.toml are in .comms/.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=$(realpath -m "${COMMS_STATE_DIR:-$root/.comms}")
cd "$root"
. scripts/processes.sh
. scripts/packages.sh
. scripts/vault.sh

services=(campaign-service user-service notification-service email-service scheduler-service)
declare -A http_port=([campaign-service]=8080 [user-service]=9080 [notification-service]=9081
    [email-service]=9082 [scheduler-service]=9083)
bin=${CARGO_TARGET_DIR:-$root/target}/release
# How long a worker may take, in seconds: user-service makes 100,000 users first.
ready_limit=${COMMS_START_LIMIT_S:-180}
use_vault=yes
# Whether some of it runs already, and the rest joins it with the same settings.
joins=no

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$root/start.sh"; }

# chosen NAME: what the user set, in the environment or in comms.toml.
chosen() {
    local variable=COMMS_${1^^}
    if [[ -n ${!variable:-} ]]; then
        printf '%s\n' "${!variable}"
    elif [[ -r comms.toml ]]; then
        sed -n "s/^$1 *= *[\"']\([^\"']*\)[\"'].*$/\1/p" comms.toml
    fi
}

# elsewhere NAME SERVER: the URL of a server that is not started here: chosen now, or when what runs was started.
elsewhere() {
    local url
    url=$(chosen "$1")
    if [[ -z $url && $joins == yes && ! -e $state/run/$2 ]]; then url=$(unquoted "$(line_of "$1")"); fi
    printf '%s\n' "$url"
}

# quoted TEXT: as a string of TOML or JSON.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

unquoted() {
    local text=${1#\"}
    text=${text%\"}
    text=${text//\\\"/\"}
    printf '%s\n' "${text//\\\\/\\}"
}

# line_of NAME: its line in env.toml.
line_of() { sed -n "s/^$1 = //p" "$state/env.toml" 2>/dev/null; }

any_running() {
    local name
    for name in redis vault inbox "${services[@]}"; do
        if running "$name"; then return; fi
    done
    return 1
}

all_running() {
    local name
    for name in "${services[@]}"; do
        if [[ -x $bin/$name ]] && ! running "$name"; then return 1; fi
    done
    # Those that this start would not run have no record.
    for name in redis vault inbox; do
        if [[ -e $state/run/$name ]] && ! running "$name"; then return 1; fi
    done
    [[ -e $state/env.toml ]] && running campaign-service
}

# What runs was started with the settings in env.toml; others need a stop first.
join() {
    local name value
    for name in profile redis_url database_url smtp_url key_prefix partitions; do
        value=$(chosen "$name")
        if [[ -n $value && $(line_of "$name") != "$(quoted "$value")" ]]; then
            fail "comms runs with another $name than COMMS_${name^^} says now; ./stop.sh first, then start again"
        fi
    done
    joins=yes
    profile=$(unquoted "$(line_of profile)")
    if [[ ! -e $state/run/vault && -z ${VAULT_ADDR:-} ]]; then use_vault=no; fi
}

build() {
    say "building (the first time takes some minutes)"
    cargo build --release --locked --bins 9>&- || fail "the build failed; see above"
}

start_redis() {
    redis_url=$(elsewhere redis_url redis)
    if [[ -n $redis_url ]]; then return; fi
    if ! running redis; then
        choose_port redis 6379
        addr=127.0.0.1:$port
        local half=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo) / 2))
        mkdir -p "$state/redis"
        # Every second its log goes to disk; what is lost when it is full is refused, never evicted.
        launch redis "$addr" redis-server --port "$port" --bind 127.0.0.1 --dir "$state/redis" --save '' \
            --appendonly yes --appendfsync everysec --maxmemory "${half}kb" --maxmemory-policy noeviction
        wait_until 60 redis redis_answers "$port"
    fi
    redis_url=redis://$addr$(if [[ $profile == prod ]]; then printf /1; fi)
    redis_server=redis://$addr
}

# redis_answers PORT: also not while it still loads its data.
redis_answers() {
    local line=''
    {
        exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'PING\r\n' >&3 && read -rt 2 line <&3
        exec 3>&-
    } 2>/dev/null || true
    [[ $line == +PONG* ]]
}

start_inbox() {
    smtp_url=$(elsewhere smtp_url inbox)
    inbox_url=$(elsewhere inbox_url inbox)
    inbox_smtp=$(elsewhere inbox_smtp_addr no-server)
    if [[ -n $smtp_url ]]; then return; fi
    if ! running inbox; then
        choose_port inbox 9000
        addr=127.0.0.1:$port
        if [[ -z $inbox_smtp ]]; then
            choose_port 'inbox (SMTP)' 2500
            inbox_smtp=127.0.0.1:$port
        fi
        # It is a development server in every profile: it has no use for the token that prod requires.
        COMMS_PROFILE=dev COMMS_HTTP_ADDR=$addr COMMS_INBOX_SMTP_ADDR=$inbox_smtp COMMS_STATE_DIR=$state \
            launch inbox "$addr" "$bin/inbox"
        wait_until 20 inbox inbox_answers
    else
        inbox_smtp=$(unquoted "$(line_of inbox_smtp_addr)")
    fi
    inbox_url=http://$addr
    smtp_url=smtp://$inbox_smtp
}

inbox_answers() { listens "${addr##*:}" && listens "${inbox_smtp##*:}"; }

# sqlite_url NAME: characters that mean something in a URL are encoded.
sqlite_url() {
    local path=$state/$1
    path=${path//%/%25}
    path=${path//\?/%3F}
    path=${path//#/%23}
    printf 'sqlite://%s\n' "${path// /%20}"
}

choose_database() {
    database_url=$(elsewhere database_url no-server)
    if [[ -z $database_url && $profile == prod ]]; then database_url=$(sqlite_url comms-prod.db); fi
    if [[ -z $database_url ]]; then database_url=$(sqlite_url comms.db); fi
}

# prod requires a bearer token; without one of the user's it is made once and kept.
choose_token() {
    api_token=$(chosen api_token)
    if [[ -n $api_token ]]; then return; fi
    if [[ ! -s $state/api-token ]]; then
        (umask 077 && head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$state/api-token")
    fi
    api_token=$(<"$state/api-token")
}

# Where things run: read by comms-tui and, below the environment and Vault, by the workers.
write_env_toml() {
    local name value key_prefix partitions
    # Without these the console would look elsewhere than the workers.
    key_prefix=$(elsewhere key_prefix no-server)
    partitions=$(elsewhere partitions no-server)
    (
        umask 077
        {
            say '# Written by start.sh: where things run. Put settings of your own into comms.toml.'
            for name in profile redis_url database_url smtp_url inbox_url inbox_smtp key_prefix partitions; do
                value=${!name}
                if [[ $name == inbox_smtp ]]; then name=inbox_smtp_addr; fi
                if [[ -n $value ]]; then printf '%s = %s\n' "$name" "$(quoted "$value")"; fi
            done
            if [[ $profile == prod ]]; then printf 'api_token = %s\n' "$(quoted "$api_token")"; fi
            # Only of our own: a token of somebody else's Vault stays in the environment.
            if running vault; then
                printf '\n[vault]\naddr = %s\ntoken = %s\n' "$(quoted "http://$addr")" "$(quoted "$root_token")"
            fi
        } >"$state/env.toml.new"
        mv "$state/env.toml.new" "$state/env.toml"
    )
}

start_workers() {
    local name
    for name in "${services[@]}"; do
        if [[ ! -x $bin/$name ]] || running "$name"; then continue; fi
        choose_port "$name" "${http_port[$name]}"
        COMMS_HTTP_ADDR=127.0.0.1:$port COMMS_STATE_DIR=$state launch "$name" "127.0.0.1:$port" "$bin/$name"
    done
}

wait_for_workers() {
    local name
    for name in "${services[@]}"; do
        if [[ -x $bin/$name ]]; then wait_until "$ready_limit" "$name" ready "$name"; fi
    done
}

ready() { running "$1" && http_get "$addr" /readyz && [[ $status == 200 ]]; }

# The console on a terminal; elsewhere what a script or a reader of a log needs.
present() {
    export COMMS_STATE_DIR=$state
    # The console must not wait behind the next start.
    exec 9>&-
    if [[ -t 0 && -t 1 ]]; then exec "$bin/comms-tui"; fi
    "$bin/comms-tui" status || true
    running campaign-service || true
    local header=''
    if [[ $(line_of profile) == '"prod"' ]]; then
        header=" -H 'Authorization: Bearer '\$(sed -n 's/^api_token = \"\(.*\)\"/\1/p' '$state/env.toml')"
    fi
    say
    say "console         $(printf %q "$bin/comms-tui")"
    say "a campaign      curl -X POST$header -H 'Content-Type: application/json' -d '{\"name\":\"Hello\"}' http://$addr/api/v1/campaigns"
    if running inbox; then say "the mails       http://$addr"; fi
    if running vault; then say "Vault           http://$addr (token $root_token)"; fi
    say "logs            $state/logs/"
    say "stop            $(printf %q "$root/stop.sh")"
}

start_docker() {
    docker compose version >/dev/null 2>&1 ||
        fail "docker with the compose plugin is missing: https://docs.docker.com/engine/install/"
    docker compose up --build --detach --wait || fail "not all containers are healthy: docker compose ps, docker compose logs"
    say "console         docker compose run --rm console"
    say "a campaign      curl -X POST -H 'Content-Type: application/json' -d '{\"name\":\"Hello\"}' http://127.0.0.1:8080/api/v1/campaigns"
    say "the mails       http://127.0.0.1:9000"
    say "stop            $(printf %q "$root/stop.sh") stop-docker"
}

start_all() {
    mkdir -p "$state/run" "$state/logs"
    exec 9>"$state/lock"
    flock -n 9 || { say "another start.sh or stop.sh is at work; waiting for it" && flock 9; }
    if any_running; then join; else rm -f "$state"/run/*; fi
    profile=${profile:-dev}
    [[ $profile == dev || $profile == prod ]] || fail "COMMS_PROFILE is '$profile', expected dev or prod"
    if all_running; then
        say "comms runs already; ./stop.sh and ./start.sh bring a new build to life"
        wait_for_workers
        present
        return
    fi
    local needs=(compiler)
    if [[ -z $(elsewhere redis_url redis) ]]; then needs+=(redis); fi
    if [[ $use_vault == yes && -z ${VAULT_ADDR:-} ]]; then needs+=(pip); fi
    need_cargo
    get "${needs[@]}"
    build
    start_redis
    start_inbox
    choose_database
    choose_token
    start_vault
    write_env_toml
    start_workers
    say "waiting until the workers are ready; the first time, user-service makes its users"
    wait_for_workers
    say "everything is ready"
    present
}

command=start_all
for argument in "$@"; do
    case $argument in
        build-docker) command=start_docker ;;
        --no-vault) use_vault=no ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; fail "unknown argument: $argument" ;;
    esac
done
profile=$(chosen profile)
$command
