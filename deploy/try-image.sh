#!/usr/bin/env bash
# Builds the image, brings up docker-compose.yml and lets people converse through it (deploy/try/trial.py):
# the engine, the image and the Compose file for real.
#
#   deploy/try-image.sh
#
# It uses the Docker engine that runs, if that has or gets the images. If not, and we are root, it starts an
# engine of its own, which leaves nothing behind; images that cannot be pulled are then made out of Debian's
# packages, except Grafana's. Needs docker (Debian: docker.io), docker compose or docker-compose,
# a Python with slixmpp and pip ($PYTHON, else .venv/bin/python), and for images of Debian mmdebstrap.
#
#   IMAGES=debian        do not try to pull
#   IMAGE_CACHE=FOLDER   keep the base image of Debian there for the next time
#
# Exit code 0: all went well, or no engine can start here ("docker: not tried: REASON"). 1: something is wrong.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/try/engine.sh
. deploy/try/images.sh

PYTHON=${PYTHON:-.venv/bin/python}
VERSION=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' services/roost/__init__.py)
ROOST=roost:$VERSION
# what can be had everywhere; `up` starts what these depend on
SERVICES="connection-manager presence haproxy prometheus"
export COMPOSE_PROJECT_NAME="roost-try-$$" SERVICES
scratch=$(mktemp -d)
verdict="FAILED"

section() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

fail() {
    echo "$1" >&2
    exit 1
}

not_tried() {
    echo "docker: not tried: $1"
    verdict="not tried"
    exit 0
}

finish() {
    local code=$?
    set +e
    [ "$verdict" = "FAILED" ] && [ -n "${up:-}" ] && show_logs
    [ -n "${up:-}" ] && quietly timeout 120 $COMPOSE down --volumes --timeout 5
    stop_engine
    rm -rf "$scratch"
    [ "$verdict" = "not tried" ] || printf '\ndocker: %s after %d s\n' "$verdict" "$SECONDS"
    exit $code
}

show_logs() {
    $COMPOSE ps >&2
    timeout 60 $COMPOSE logs --no-color --tail=40 >&2
}

# The image as whoever deploys it wants it
check_image() {
    local label user health base size
    label=$(docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.version"}}' "$ROOST")
    [ "$label" = "$VERSION" ] || fail "Its label names the version $label, not $VERSION."
    user=$(docker image inspect --format '{{.Config.User}}' "$ROOST")
    [ "$user" = 10001:10001 ] || fail "It runs as $user."
    health=$(docker image inspect --format '{{.Config.Healthcheck.Test}}' "$ROOST")
    [ "$health" = "[CMD roost healthy]" ] || fail "Its health check is $health."
    docker run --rm --interactive --read-only --network none --cap-drop ALL --entrypoint sh "$ROOST" \
        -s "$VERSION" <deploy/try/inside.sh || fail "The image is not as it should be."
    size=$(docker image inspect --format '{{.Size}}' "$ROOST")
    base=$(docker image inspect --format '{{.Size}}' "$BASE")
    echo "ok: user 10001, read-only, no compiler, no pip; $((size / 1000000)) MB, $(((size - base) / 1000000)) MB over its base"
}

# Ports of this machine that are free now
choose_ports() {
    read -r STARTTLS_PORT DIRECT_TLS_PORT GRAFANA_PORT < <("$PYTHON" - <<'PYTHON'
import socket
opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(each.getsockname()[1] for each in opened))
PYTHON
    )
    export STARTTLS_PORT DIRECT_TLS_PORT GRAFANA_PORT
}

trap finish EXIT
trap 'exit 1' INT TERM

section "Engine"
find_programs
find_engine
echo "docker $(docker version --format '{{.Server.Version}}'), $COMPOSE $($COMPOSE version --short), engine: $engine"

section "Images"
provide_base
build_images &
building=$!
provide_others
wait "$building"

section "The image"
check_image

section "Compose"
choose_ports
# so that addresses are in the logs, and Locust can make its accounts
export ROOST_LOG_LEVEL=debug ROOST_REGISTRATION=open
up=yes
quietly timeout 300 $COMPOSE up --detach --no-build $SERVICES || fail "docker-compose.yml does not come up."

section "Trial"
DOCKER=$docker COMPOSE=$COMPOSE timeout 600 "$PYTHON" deploy/try/trial.py || fail "The trial failed."

section "Load test"
quietly timeout 300 $COMPOSE run --rm loadtest --headless --users 20 --spawn-rate 10 --run-time 15s \
    --scenario chat --think 1 --fail-loss 0 --fail-ratio 0 || fail "The load test failed."
echo "ok: 20 of Locust's users chatted for 15 s, nothing lost"
verdict="passed"
