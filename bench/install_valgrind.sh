#!/bin/sh
# Make sure that there is a valgrind for `python -m bench.instructions`, which says so and checks nothing without one.
set -eu

if command -v valgrind >/dev/null; then exit 0; fi

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "There is no valgrind, so instructions are not counted. Install one, or as root on Debian run" >&2
    echo "bench/install_valgrind.sh." >&2
    exit 0
fi

echo "Installing valgrind"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends valgrind; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
