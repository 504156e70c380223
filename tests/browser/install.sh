#!/bin/sh
# Make sure that there is a Chromium for the tests in this folder. Without one they fail in CI and are skipped elsewhere.
set -eu

# The names that tests/browser/chromium.py looks for.
for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null; then exit 0; fi
done

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "There is no Chromium, so the tests of the documentation pages are skipped. Install one, or as root on Debian" >&2
    echo "run tests/browser/install.sh." >&2
    exit 0
fi

echo "Installing Chromium"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends chromium-headless-shell; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
