# For try-kubernetes.sh: Kubernetes' programs out of Go modules.

KUBERNETES=1.33.13
COREDNS=1.12.0
KUBE_ROUTER=2.1.0

# Sets PROGRAMS, the folder they are in; builds what is not there yet.
build_programs() {
    command -v go >/dev/null || fail "Go is missing (1.24 or newer)."
    PROGRAMS="$CACHE/programs-$KUBERNETES-$COREDNS-$KUBE_ROUTER"
    mkdir -p "$PROGRAMS"
    local each
    for each in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
        build_program kubernetes "$each" "k8s.io/kubernetes/cmd/$each"
    done
    build_program kube-router kube-router github.com/cloudnativelabs/kube-router/v2/cmd/kube-router
    build_program coredns coredns .
    build_program pause pause .
    echo "ok: Kubernetes $KUBERNETES, CoreDNS $COREDNS, kube-router $KUBE_ROUTER, built here"
}

# build_program MODULE NAME PACKAGE
build_program() {
    local module="$scratch/modules/$1" version="k8s.io/component-base/version.gitVersion=v$KUBERNETES"
    [ ! -x "$PROGRAMS/$2" ] || return 0
    [ -e "$module/go.sum" ] || { mkdir -p "$module" && "module_of_${1//-/_}" "$module"; }
    (cd "$module" && CGO_ENABLED=0 quietly go build -buildvcs=false -trimpath -ldflags "-s -w -X $version" \
        -o "$PROGRAMS/$2.new" "$3")
    mv "$PROGRAMS/$2.new" "$PROGRAMS/$2"
    echo "$2 ($SECONDS s)"
}

# Kubernetes is no module to install from: what lies beside it in its repository has to be named again.
module_of_kubernetes() {
    local each
    {
        echo "module control"
        echo "require k8s.io/kubernetes v$KUBERNETES"
        for each in $(parts_of_kubernetes); do echo "replace $each => $each v0.${KUBERNETES#1.}"; done
    } >"$1/go.mod"
    for each in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
        echo "import _ \"k8s.io/kubernetes/cmd/$each\""
    done | as_tools "$1"
}

parts_of_kubernetes() {
    local mod
    mod=$(go mod download -json "k8s.io/kubernetes@v$KUBERNETES" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
    sed -n 's/^\t\(k8s.io\/[^ ]*\) v0.0.0$/\1/p' "$mod"
}

module_of_kube_router() {
    printf 'module router\nrequire github.com/cloudnativelabs/kube-router/v2 v%s\n' "$KUBE_ROUTER" >"$1/go.mod"
    echo 'import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"' | as_tools "$1"
}

# as_tools FOLDER: a file that imports programs, so that their modules are known
as_tools() {
    { printf '//go:build tools\n\npackage tools\n\n'; cat; } >"$1/tools.go"
    (cd "$1" && quietly go mod tidy)
}

# CoreDNS with the plugins that a small cluster needs
module_of_coredns() {
    printf 'module dns\nrequire github.com/coredns/coredns v%s\n' "$COREDNS" >"$1/go.mod"
    cat >"$1/main.go" <<'GO'
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func init() { dnsserver.Directives = []string{"ready", "errors", "kubernetes"} }

func main() { coremain.Run() }
GO
    (cd "$1" && quietly go mod tidy)
}

# What holds a pod's namespaces: it sleeps.
module_of_pause() {
    printf 'module pause\n' >"$1/go.mod"
    touch "$1/go.sum"
    cat >"$1/main.go" <<'GO'
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
}
GO
}
