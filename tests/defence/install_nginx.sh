#!/bin/sh
# Make sure that there is an nginx for tests/defence/test_nginx.py. Without one they fail in CI and are skipped elsewhere.
set -eu

if command -v nginx >/dev/null; then exit 0; fi

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "There is no nginx, so the tests of proxy headers behind one are skipped. Install one, or as root on Debian" >&2
    echo "run tests/defence/install_nginx.sh." >&2
    exit 0
fi

echo "Installing nginx"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# Nothing is started by the package: the tests run nginx themselves, on ports of their own.
if ! { apt-get update && RUNLEVEL=1 apt-get install -y --no-install-recommends nginx-light; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
