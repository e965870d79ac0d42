# Runs in a container of the image, on a read-only file system, and says what is wrong; for try-image.sh.
wrong() {
    echo "$1" >&2
    bad=yes
}
[ "$(id -u):$(id -g)" = 10001:10001 ] || wrong "it runs as $(id)"
[ "$(roost --version)" = "roost, version $1" ] || wrong "$(roost --version) is not $1"
for program in cc gcc g++ c++ ld make pip pip3 uv curl wget; do
    if command -v "$program"; then wrong "it has $program"; fi
done
for module in pip ensurepip setuptools hatchling; do
    if python3 -c "import $module" 2>/dev/null; then wrong "it has Python's $module"; fi
done
rights=$(find / -xdev -type f -perm /6000 2>/dev/null)
[ -z "$rights" ] || wrong "run as somebody else: $rights"
# not that it could on this file system, but where somebody runs the image on another
writable=$(find / -xdev -type d -writable ! -path '/var/lib/roost*' ! -path /tmp ! -path /var/tmp \
    ! -path /run/lock 2>/dev/null)
[ -z "$writable" ] || wrong "its user may write $writable"
if touch /tmp/file 2>/dev/null; then wrong "the file system is not read-only"; fi
[ -z "${bad:-}" ]
