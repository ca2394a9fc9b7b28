#!/usr/bin/env bash
# Resolve once for Python 3.11 to 3.14 and write the two lock files: hashes, markers, no address.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
export_lock() {
    local out=$1; shift
    {
        echo "# Made by 'make lock' for Python 3.11 to 3.14; do not edit."
        uv export --quiet --format requirements-txt --no-emit-project --no-emit-index-url \
            --no-header --no-annotate "$@"
    } > "$out"
}
uv lock --quiet "$@"
export_lock requirements.lock --extra vectorbt --extra venues --extra learn --extra portfolio --extra search --extra sql --extra postgres
export_lock requirements-test.lock --all-extras
if grep -nE '://|--(extra-)?index-url|--find-links' requirements.lock requirements-test.lock; then
    echo "a lock file carries an address" >&2
    exit 1
fi
