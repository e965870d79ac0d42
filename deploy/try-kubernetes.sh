#!/usr/bin/env bash
# Builds a Kubernetes of two nodes out of Go modules, brings it up, installs the chart as docs/install-kubernetes.md
# says, and lets people converse while it is upgraded, scaled and drained (deploy/try/kubernetes_trial.py).
#
#   deploy/try-kubernetes.sh CACHE
#
# CACHE is a folder for what takes long to make: the programs (ten minutes on two cores, and up to 10 GB in Go's own
# caches) and the base image. With it filled, all takes eight minutes.
#
#   IMAGES=debian        do not try to pull
#
# Needs Linux, root, Go 1.24 or newer, Helm 4, what try-image.sh needs, and of Debian: containerd runc etcd-server
# containernetworking-plugins conntrack ipset iptables iproute2.
#
# Everything runs in namespaces of its own: network, mounts, processes. Nothing is left behind but CACHE.
# Exit code 0: all went well. 1: something is wrong.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/try/engine.sh
. deploy/try/images.sh
. deploy/try/kubernetes/programs.sh

PYTHON=${PYTHON:-.venv/bin/python}
VERSION=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' services/roost/__init__.py)
scratch=$(mktemp -d)
verdict="FAILED"

section() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

fail() {
    echo "$1" >&2
    exit 1
}

not_tried() { fail "$1"; }

finish() {
    local code=$?
    set +e
    stop_engine
    [ -z "${cluster:-}" ] || { kill -KILL "$cluster"; wait "$cluster"; } 2>/dev/null
    [ -z "${GROUPS_ROOT:-}" ] || remove_groups
    rm -rf "$scratch"
    printf '\nkubernetes: %s after %d s\n' "$verdict" "$SECONDS"
    exit $code
}

# The control groups, once the last process in them has ended
remove_groups() {
    local try
    for try in $(seq 20); do
        find /sys/fs/cgroup -depth -type d -path "*/$GROUPS_ROOT*" -exec rmdir {} + 2>/dev/null
        [ -n "$(find /sys/fs/cgroup -type d -name "$GROUPS_ROOT" -print -quit)" ] || break
        sleep 0.5
    done
}

# The image of a key of the chart's values
image_of_values() {
    "$PYTHON" -c 'import sys, yaml
found = yaml.safe_load(open("helm/roost/values.yaml"))[sys.argv[1]]["builtIn"]["image"]
print(found["repository"] + ":" + found["tag"])' "$1"
}

# Ours, those of the built-in engines, and the cluster's own, each as a file
make_images() {
    REDIS_IMAGE=$(image_of_values redis)
    DATABASE_IMAGE=$(image_of_values database)
    provide_base
    pip_configuration >"$scratch/pip.conf"
    quietly build --secret "id=pip.conf,src=$scratch/pip.conf" --secret "id=ca.pem,src=$(authorities)" \
        --target roost -t "roost:$VERSION" -f deploy/Dockerfile .
    docker tag "roost:$VERSION" "roost:$VERSION-next"
    have "$REDIS_IMAGE" || stand_in valkey "$REDIS_IMAGE"
    have "$DATABASE_IMAGE" || stand_in postgresql "$DATABASE_IMAGE"
    local each
    for each in pause coredns; do
        printf 'FROM scratch\nCOPY %s /\nENTRYPOINT ["/%s"]\n' "$each" "$each" |
            quietly build -t "localhost/$each:1" -f - "$PROGRAMS"
    done
    mkdir -p "$scratch/images"
    docker save -o "$scratch/images/all.tar" "roost:$VERSION" "roost:$VERSION-next" "$REDIS_IMAGE" "$DATABASE_IMAGE" \
        localhost/pause:1 localhost/coredns:1
}

[ $# = 1 ] || fail "Usage: deploy/try-kubernetes.sh CACHE"
[ "$(id -u)" = 0 ] || fail "Only root can start a Kubernetes."
mkdir -p "$1"
CACHE=$(cd "$1" && pwd)
IMAGE_CACHE=${IMAGE_CACHE:-$CACHE}
trap finish EXIT
trap 'exit 1' INT TERM

section "Programs"
build_programs

section "Images"
find_programs
find_engine
make_images
stop_engine

section "Kubernetes"
export PROGRAMS PYTHON VERSION REDIS_IMAGE DATABASE_IMAGE GROUPS_ROOT="roost-try-$$" STATE="$scratch/state" IMAGES_FOLDER="$scratch/images"
mkdir -p "$STATE"
unshare --net --mount --pid --fork --mount-proc --kill-child deploy/try/kubernetes/inside.sh &
cluster=$!
wait "$cluster" || fail "The trial failed."
cluster=
verdict="passed"
