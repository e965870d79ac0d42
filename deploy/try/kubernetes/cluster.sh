# For try-kubernetes.sh: a Kubernetes of two nodes, each with a network of its own, out of the programs in $PROGRAMS.
# It runs in namespaces of its own (network, mounts, processes): nothing of it reaches this machine's, and all of it
# is gone with the last of them. Only the control groups under $GROUPS_ROOT are left to whoever started it.

BACKBONE=10.10.0.1
SERVICES=10.96.0.0/16
DNS=10.96.0.10
PODS=10.244.0.0/16
NODES="1 2"
WAIT=120 # seconds until a part of the cluster must have come up

# in_background NAME COMMAND...: its words go into $STATE/NAME.log
in_background() {
    local name=$1
    shift
    "$@" >"$STATE/$name.log" 2>&1 &
}

# until_true WHAT COMMAND...
until_true() {
    local what=$1 end=$((SECONDS + WAIT))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "not in time: $what"
        sleep 0.3
    done
}

# not ip netns exec, which hides the control groups behind a /sys of its own
on_node() { nsenter --net="/run/netns/node$1" "${@:2}"; }

start_cluster() {
    keep_this_machine_as_it_is
    connect_nodes
    start_control_plane
    local each
    for each in $NODES; do start_node "$each"; done
    for each in $NODES; do until_true "node$each is ready" kubectl wait --for condition=Ready "node/node$each" --timeout 1s; done
    for each in $NODES; do enforce_policies "$each"; done
    start_dns
    offer_volumes
    start_engines
}

# The kubelet sets these for the whole machine: it gets copies.
keep_this_machine_as_it_is() {
    local each
    mount --make-rprivate /
    mkdir -p "$STATE/sysctl" /run/netns
    mount -t tmpfs tmpfs /run/netns
    for each in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys \
        kernel/keys/root_maxbytes; do
        cat "/proc/sys/$each" >"$STATE/sysctl/${each//\//.}"
        mount --bind "$STATE/sysctl/${each//\//.}" "/proc/sys/$each"
    done
    # mounts of pods must be seen by what the kubelet and containerd start
    mount --make-rshared /
}

# A switch that all nodes are on, with the control plane at $BACKBONE
connect_nodes() {
    local node other
    ip link set lo up
    sysctl -qw net.ipv4.ip_forward=1
    ip link add backbone type bridge
    ip address add "$BACKBONE/24" dev backbone
    ip link set backbone up
    for node in $NODES; do
        ip netns add "node$node"
        ip link add "node$node" type veth peer name eth0 netns "node$node"
        ip link set "node$node" master backbone up
        on_node "$node" ip link set lo up
        on_node "$node" ip address add "10.10.0.1$node/24" dev eth0
        on_node "$node" ip link set eth0 up
        on_node "$node" ip route add default via "$BACKBONE"
        on_node "$node" sysctl -qw net.ipv4.ip_forward=1
        ip route add "10.244.$node.0/24" via "10.10.0.1$node"
    done
    for node in $NODES; do
        for other in $NODES; do
            [ "$node" = "$other" ] || on_node "$node" ip route add "10.244.$other.0/24" via "10.10.0.1$other"
        done
    done
    # Services are known to nodes alone
    ip route add "$SERVICES" via 10.10.0.11
}

start_control_plane() {
    openssl genrsa -out "$STATE/accounts.key" 2048 2>/dev/null
    echo "$TOKEN,admin,admin,system:masters" >"$STATE/tokens"
    in_background etcd etcd --data-dir "$STATE/etcd" --unsafe-no-fsync \
        --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
        --listen-peer-urls http://127.0.0.1:2380
    in_background kube-apiserver "$PROGRAMS/kube-apiserver" --etcd-servers http://127.0.0.1:2379 \
        --bind-address "$BACKBONE" --advertise-address "$BACKBONE" --cert-dir "$STATE/api" \
        --service-cluster-ip-range "$SERVICES" --token-auth-file "$STATE/tokens" --authorization-mode Node,RBAC \
        --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$STATE/accounts.key" \
        --service-account-signing-key-file "$STATE/accounts.key" --allow-privileged=true --kubelet-preferred-address-types InternalIP
    export KUBECONFIG="$STATE/kubeconfig"
    "$PROGRAMS/kubectl" config set-cluster it --server "https://$BACKBONE:6443" --insecure-skip-tls-verify >/dev/null
    "$PROGRAMS/kubectl" config set-credentials admin --token "$TOKEN" >/dev/null
    "$PROGRAMS/kubectl" config set-context it --cluster it --user admin >/dev/null
    "$PROGRAMS/kubectl" config use-context it >/dev/null
    until_true "the API server" kubectl get --raw /readyz
    in_background kube-controller-manager "$PROGRAMS/kube-controller-manager" --kubeconfig "$KUBECONFIG" \
        --bind-address 127.0.0.1 --root-ca-file "$STATE/api/apiserver.crt" --use-service-account-credentials \
        --service-account-private-key-file "$STATE/accounts.key" --leader-elect=false \
        --allocate-node-cidrs=false --node-monitor-grace-period 40s
    in_background kube-scheduler "$PROGRAMS/kube-scheduler" --kubeconfig "$KUBECONFIG" \
        --bind-address 127.0.0.1 --leader-elect=false
}

# start_node NUMBER: containerd with the images, kubelet, kube-proxy
start_node() {
    local home="$STATE/node$1"
    mkdir -p "$home/cni" "$home/manifests"
    configure_containerd "$1" "$home"
    configure_kubelet "$1" "$home"
    in_background "containerd$1" on_node "$1" containerd --config "$home/containerd.toml"
    until_true "containerd $1" ctr --address "$home/containerd.sock" version
    local each
    for each in "$IMAGES_FOLDER"/*.tar; do
        ctr --address "$home/containerd.sock" --namespace k8s.io images import "$each" >/dev/null
    done
    in_background "kubelet$1" on_node "$1" "$PROGRAMS/kubelet" --config "$home/kubelet.yaml" --kubeconfig "$KUBECONFIG" \
        --root-dir "$home/kubelet" --cert-dir "$home/kubelet-certificates" --hostname-override "node$1" \
        --node-ip "10.10.0.1$1" --node-labels "topology.kubernetes.io/zone=zone$1"
    in_background "kube-proxy$1" on_node "$1" "$PROGRAMS/kube-proxy" --kubeconfig "$KUBECONFIG" \
        --hostname-override "node$1" --proxy-mode iptables --cluster-cidr "$PODS" --conntrack-max-per-core 0 \
        --conntrack-tcp-timeout-established 0 --conntrack-tcp-timeout-close-wait 0 \
        --healthz-bind-address "10.10.0.1$1:10256" --metrics-bind-address 127.0.0.1:10249
}

# enforce_policies NUMBER: by kube-router, once the API server knows the node
enforce_policies() {
    in_background "kube-router$1" on_node "$1" env NODE_NAME="node$1" "$PROGRAMS/kube-router" --kubeconfig "$KUBECONFIG" \
        --run-router=false --run-service-proxy=false --run-firewall=true --service-cluster-ip-range "$SERVICES" \
        --hostname-override "node$1" --master "https://$BACKBONE:6443"
}

configure_containerd() {
    cat >"$2/containerd.toml" <<TOML
version = 2
root = "$2/containerd-root"
state = "$2/containerd"
[grpc]
address = "$2/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "$2/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:1"
# where root itself may not ask for a lower one
restrict_oom_score_adj = true
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$2/cni"
TOML
    cat >"$2/cni/pods.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods", "isGateway": true, "hairpinMode": true, "ipMasq": false, "ipam":
    {"type": "host-local", "dataDir": "$2/addresses", "ranges": [[{"subnet": "10.244.$1.0/24"}]],
     "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
}

configure_kubelet() {
    local group
    for group in /sys/fs/cgroup/*/; do mkdir -p "$group$GROUPS_ROOT/node$1" 2>/dev/null || true; done
    # a cpuset without processors takes no process
    for group in "$GROUPS_ROOT" "$GROUPS_ROOT/node$1"; do
        group="/sys/fs/cgroup/cpuset/$group"
        [ ! -e "$group/cpuset.cpus" ] || {
            cat "$group/../cpuset.cpus" >"$group/cpuset.cpus"
            cat "$group/../cpuset.mems" >"$group/cpuset.mems"
        }
    done
    cat >"$2/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 10.10.0.1$1
healthzPort: 0
readOnlyPort: 0
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: /$GROUPS_ROOT/node$1
enforceNodeAllocatable: [pods]
clusterDNS: [$DNS]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$2/containerd.sock
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
podLogsDir: $2/logs
resolvConf: ""
volumePluginDir: $2/plugins
YAML
}

start_dns() {
    cat >"$STATE/Corefile" <<COREFILE
.:53 {
    ready
    errors
    kubernetes cluster.local {
        pods insecure
        ttl 5
    }
}
COREFILE
    kubectl --namespace kube-system create configmap coredns --from-file "$STATE/Corefile" >/dev/null
    kubectl apply -f deploy/try/kubernetes/dns.yaml >/dev/null
    kubectl --namespace kube-system rollout status deployment/coredns --timeout "${WAIT}s" >/dev/null
}

# Volumes on node1 for the built-in engines
offer_volumes() {
    local number
    {
        cat <<YAML
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: folders
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
YAML
        for number in 1 2; do
            mkdir -p "$STATE/volumes/$number"
            cat <<YAML
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: folder-$number}
spec:
  storageClassName: folders
  capacity: {storage: 4Gi}
  accessModes: [ReadWriteOnce]
  local: {path: $STATE/volumes/$number}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node1]}]
YAML
        done
    } | kubectl apply -f - >/dev/null
}

# Engines that are not the chart's, for its second release
start_engines() {
    sed "s|REDIS_IMAGE|$REDIS_IMAGE|; s|DATABASE_IMAGE|$DATABASE_IMAGE|" deploy/try/kubernetes/data.yaml |
        kubectl apply -f - >/dev/null
}

kubectl() { "$PROGRAMS/kubectl" "$@"; }
