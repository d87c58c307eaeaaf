# shellcheck shell=bash
# A development Vault and its secrets: for each service and profile those that it needs.

# The development server keeps nothing and listens on this machine only.
root_token=0000

start_vault() {
    if [[ $use_vault == no ]]; then
        unset VAULT_ADDR
        return
    fi
    if [[ -n ${VAULT_ADDR:-} ]]; then
        say "VAULT_ADDR is set: secrets come from $VAULT_ADDR, secret/<service>/$profile"
        return
    fi
    vault=$(vault_bin) || { install_openbao && vault=$(vault_bin); } ||
        fail "cannot get OpenBao; put bao or vault on PATH, or go without: ./start.sh --no-vault"
    if ! running vault; then
        choose_port vault 8200
        addr=127.0.0.1:$port
        launch vault "$addr" "$vault" server -dev -dev-no-store-token "-dev-root-token-id=$root_token" \
            "-dev-listen-address=$addr"
        wait_until 30 vault vault_answers
    fi
    export VAULT_ADDR=http://$addr VAULT_TOKEN=$root_token
    seed_vault
}

# The key-value engine is mounted a moment after the server answers.
vault_answers() {
    BAO_ADDR=http://$addr VAULT_ADDR=http://$addr BAO_TOKEN=$root_token VAULT_TOKEN=$root_token \
        "$vault" secrets list 2>/dev/null | grep -q '^secret/'
}

# The development server keeps its secrets in memory: they are written at each start.
seed_vault() {
    local service each redis database smtp
    for service in campaign-service user-service notification-service email-service scheduler-service; do
        for each in dev prod; do
            redis=$redis_url database=$database_url smtp=$smtp_url
            if [[ $each != "$profile" ]]; then
                # The profile that doesn't run has a database and a Redis database of its own.
                redis=${redis_server:-$redis_url}$(if [[ $each == prod && -n ${redis_server:-} ]]; then printf /1; fi)
                database=$(sqlite_url "$(if [[ $each == prod ]]; then printf comms-prod.db; else printf comms.db; fi)")
            fi
            secret_of "$service" "$each" | BAO_ADDR=$VAULT_ADDR BAO_TOKEN=$root_token \
                "$vault" kv put -mount=secret "$service/$each" - >/dev/null ||
                fail "cannot write secret/$service/$each to Vault at $VAULT_ADDR"
        done
    done
}

# secret_of SERVICE PROFILE: the keys that it needs, as JSON.
secret_of() {
    printf '{"redis_url":%s,"database_url":%s' "$(quoted "$redis")" "$(quoted "$database")"
    if [[ $1 == email-service ]]; then printf ',"smtp_url":%s' "$(quoted "$smtp")"; fi
    if [[ $2 == prod ]]; then printf ',"api_token":%s' "$(quoted "$api_token")"; fi
    printf '}'
}
