# For try-image.sh and try-kubernetes.sh: an engine that runs, or one of our own.

# quietly COMMAND...: show what it prints only if it fails
quietly() {
    local said
    said=$(mktemp -p "$scratch")
    "$@" >"$said" 2>&1 || { cat "$said" >&2; return 1; }
}

docker() { command "$docker" "$@"; }

# Sets docker and COMPOSE: programs that can build with BuildKit and that know our Compose file.
find_programs() {
    local each
    for each in docker /usr/bin/docker; do
        each=$(type -P "$each") || continue
        if builds "$each"; then
            docker=$each
            break
        fi
    done
    [ -n "${docker:-}" ] || not_tried "there is no docker that can build (Debian: apt-get install docker.io)"
    if docker compose version >/dev/null 2>&1; then
        COMPOSE="$docker compose"
    elif command -v docker-compose >/dev/null; then
        COMPOSE=docker-compose
    else
        fail "There is a docker and no docker-compose (Debian: apt-get install docker-compose)."
    fi
    export DOCKER_BUILDKIT=1
}

# builds DOCKER: it has BuildKit as a plugin, or is old enough to have it inside
builds() {
    "$1" buildx version >/dev/null 2>&1 ||
        [ "$("$1" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -lt 23 ]
}

# Sets engine to "running" or "own".
find_engine() {
    # not even those that it has, if they are to be Debian's: others of that name are not to be touched
    if [ "${IMAGES:-}" != debian ] && timeout 10 "$docker" info >/dev/null 2>&1 && have "$(base_name)"; then
        engine=running
        return
    fi
    [ "$(id -u)" = 0 ] || not_tried "no engine runs here that has the images, and only root can start one"
    command -v dockerd >/dev/null || not_tried "there is no dockerd (Debian: apt-get install docker.io)"
    engine=own
    export DOCKER_HOST="unix://$scratch/docker.sock" DOCKER_CONFIG="$scratch/config"
    unset DOCKER_CONTEXT
    local storage
    for storage in overlay2 vfs; do
        start_engine --storage-driver "$storage" && return
    done
    not_tried "the engine does not start: $(grep -E 'level=(error|fatal)|failed' "$scratch/engine.log" | tail -1)"
}

start_engine() {
    iptables -n -L DOCKER >/dev/null 2>&1 || filter_is_ours=yes
    forward=$(cat /proc/sys/net/ipv4/ip_forward)
    forwarding=$(iptables -S FORWARD 2>/dev/null | sed -n 1p)
    mkdir -p "$scratch/config"
    dockerd --data-root "$scratch/data" --exec-root "$scratch/exec" --pidfile "$scratch/pid" \
        --host "$DOCKER_HOST" --bridge none "$@" >"$scratch/engine.log" 2>&1 &
    engine_pid=$!
    local try
    for try in $(seq 120); do
        timeout 5 "$docker" info >/dev/null 2>&1 && return
        kill -0 "$engine_pid" 2>/dev/null || break
        sleep 0.5
    done
    stop_engine
    return 1
}

stop_engine() {
    [ -n "${engine_pid:-}" ] || return 0
    kill "$engine_pid" 2>/dev/null || true
    wait "$engine_pid" 2>/dev/null || true
    engine_pid=
    # where another engine has started meanwhile, it is that one's now
    [ -z "${filter_is_ours:-}" ] || pgrep -x dockerd >/dev/null || restore_filter
}

# The engine leaves its chains in the packet filter, and has changed what becomes of what is forwarded.
restore_filter() {
    local chain
    {
        iptables -D FORWARD -j DOCKER-USER
        iptables -D FORWARD -j DOCKER-ISOLATION-STAGE-1
        iptables -t nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
        iptables -t nat -D OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
        iptables -t nat -F DOCKER
        iptables -t nat -X DOCKER
        echo "$forward" >/proc/sys/net/ipv4/ip_forward
        [ "$forwarding" != "-P FORWARD ACCEPT" ] || iptables -P FORWARD ACCEPT
        for chain in DOCKER-USER DOCKER-ISOLATION-STAGE-1 DOCKER-ISOLATION-STAGE-2 DOCKER; do
            iptables -F "$chain"
            iptables -X "$chain"
        done
    } 2>/dev/null || true
}

# have IMAGE: it is here, or can be pulled; after the first that cannot, no other is asked for
have() {
    docker image inspect "$1" >/dev/null 2>&1 && return
    [ "${IMAGES:-}" != debian ] || return 1
    timeout 120 "$docker" pull -q "$1" >/dev/null 2>&1 || { IMAGES=debian; return 1; }
}
