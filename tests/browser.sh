#!/bin/sh
# Finds or installs a browser for the tests: Playwright's own, else the system's Chromium, else apt's.
set -u
python=$1
if timeout 120 "$python" -m playwright install chromium >/dev/null 2>&1; then
    echo "browser: Playwright's own"
    exit 0
fi
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then
        echo "browser: $(command -v "$name")"
        exit 0
    fi
done
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null 2>&1; then
    $sudo apt-get update -qq >/dev/null && $sudo apt-get install -y -qq chromium >/dev/null && command -v chromium && exit 0
fi
echo "No browser: install Chromium and run make test again." >&2
exit 1
