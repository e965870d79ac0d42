#!/bin/sh
# What the services of docker-compose.yml need to trust each other, made at the first `up` and kept:
# passwords, and a certificate by a local authority. Each service has a volume with what is its own;
# `secrets`, which has everything, is mounted here alone. A certificate near its end is made anew.
set -eu
umask 077
cd "${1:-/var/lib/roost}"

# write FILE MODE: standard input becomes FILE, whole or not at all, unless it is the same already
write() {
    cat >"$1.new"
    chmod "$2" "$1.new"
    if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

# password NAME: the password of that name, chosen when there is none
password() {
    [ -s "secrets/$1" ] || python3 -c 'import secrets; print(secrets.token_urlsafe(32))' | write "secrets/$1" 0600
    cat "secrets/$1"
}

valkey=$(password valkey)
postgresql=$(password postgresql)
roost certificate --folder secrets/tls

# Other images have other users, so their files are readable; only their own container mounts them.
chmod 0755 valkey postgresql grafana authority
echo "requirepass $valkey" | write valkey/valkey.conf 0444
echo "$postgresql" | write postgresql/password 0444
password grafana | write grafana/password 0444
write authority/ca.pem 0444 <secrets/tls/ca.pem
write tls/key.pem 0400 <secrets/tls/key.pem
write tls/certificate.pem 0444 <secrets/tls/certificate.pem
write settings/roost.toml 0400 <<TOML
redis_url = "redis://:$valkey@valkey:6379"
database_url = "postgresql://roost:$postgresql@postgresql:5432/roost"
TOML
