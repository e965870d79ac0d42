#!/usr/bin/env bash
# What try-kubernetes.sh runs in namespaces of its own: the cluster, and the trial. The first process here; all
# others end with it.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. deploy/try/kubernetes/cluster.sh
TOKEN=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')

fail() {
    echo "$1" >&2
    exit 1
}

show_logs() {
    kubectl get pods --all-namespaces --output wide
    kubectl get events --all-namespaces | grep -v ' Normal ' | tail -20
    kubectl --namespace chat logs --selector app.kubernetes.io/part-of=roost --all-containers --prefix --tail 10
    tail -n 5 "$STATE"/*.log
}

finish() {
    local code=$?
    set +e
    [ "$code" = 0 ] || timeout 60 bash -c "$(declare -f kubectl show_logs); show_logs" >&2
    exit "$code"
}

trap finish EXIT
start_cluster
kubectl get nodes --output wide
printf '\n== Trial (%d s)\n' "$SECONDS"
timeout 1200 "$PYTHON" deploy/try/kubernetes_trial.py
