# For try-image.sh: the images that docker-compose.yml asks for, and ours.

base_name() { sed -n 's/^ARG BASE=//p' deploy/Dockerfile; }

# image_of SERVICE: what docker-compose.yml asks for
image_of() {
    "$PYTHON" -c 'import sys, yaml; print(yaml.safe_load(open("docker-compose.yml"))["services"][sys.argv[1]]["image"])' "$1"
}

# What cannot be pulled is made, but never in an engine that others use.
provide_base() {
    BASE=$(base_name)
    have "$BASE" || import_base
}

provide_others() {
    local service image
    for service in valkey postgresql haproxy prometheus; do
        image=$(image_of "$service")
        have "$image" || stand_in "$service" "$image"
    done
    if have "$(image_of grafana)"; then SERVICES="$SERVICES grafana"; else echo "without Grafana, whose image cannot be had"; fi
}

# Debian with Python under the base image's name.
import_base() {
    [ "$engine" = own ] || fail "The image $BASE cannot be had."
    local tar="${IMAGE_CACHE:-$scratch}/debian-bookworm-python.tar"
    if [ ! -s "$tar" ]; then
        command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing (Debian: apt-get install mmdebstrap)."
        mkdir -p "$(dirname "$tar")"
        quietly timeout 600 mmdebstrap --mode=root --variant=minbase --format=tar \
            --include=ca-certificates,python3,python3-pip,python3-venv bookworm "$tar.new"
        mv "$tar.new" "$tar"
    fi
    docker import --change 'CMD ["python3"]' "$tar" "$BASE" >/dev/null
    echo "$BASE: a stand-in out of Debian's packages ($SECONDS s)"
}

# stand_in SERVICE IMAGE: out of Debian's packages, under the image's name
stand_in() {
    [ "$engine" = own ] || fail "The image $2 cannot be had."
    quietly build --build-arg "BASE=$BASE" --target "$1" -t "$2" -f deploy/try/stand-ins.Dockerfile deploy/try
    echo "$2: a stand-in out of Debian's packages ($SECONDS s)"
}

build_images() {
    pip_configuration >"$scratch/pip.conf"
    local target
    for target in roost loadtest; do
        quietly build --secret "id=pip.conf,src=$scratch/pip.conf" --secret "id=ca.pem,src=$(authorities)" \
            --target "$target" -t "$(image_of_target "$target")" -f deploy/Dockerfile .
    done
    echo "ok: built $(image_of_target roost) and $(image_of_target loadtest) ($SECONDS s)"
}

image_of_target() { if [ "$1" = roost ]; then image_of presence; else image_of "$1"; fi; }

# build WORDS...: with this machine's network and proxies, of which nothing stays in the image
build() {
    timeout 900 "$docker" build --network host --build-arg http_proxy --build-arg https_proxy --build-arg no_proxy \
        --progress plain "$@"
}

# pip's way to its packages, as this machine's pip goes
pip_configuration() {
    echo "[global]"
    "$PYTHON" -m pip config list |
        sed -n -E "s/^(global|install|download|:env:)\.((index|extra-index)-url|trusted-host|proxy|timeout|default-timeout)='(.*)'$/\2 = \4/p" |
        sed 's/^default-timeout/timeout/' | sort -u -t = -k 1,1
    echo "cert = /run/secrets/ca.pem"
}

# The authorities that this machine trusts
authorities() {
    local each
    for each in "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
        if [ -s "$each" ]; then
            echo "$each"
            return
        fi
    done
    "$PYTHON" -m certifi
}
