#!/usr/bin/env bash
# The browser tests need a Chromium, which pip cannot give: install it through the system's
# package manager where that is allowed; otherwise the tests skip and say so.
set -euo pipefail
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the browser tests …" >&2
    apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends chromium >/dev/null && exit 0
fi
echo "No Chromium found and none could be installed: the browser tests will be skipped." >&2
exit 1
