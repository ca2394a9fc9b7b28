#!/usr/bin/env bash
# Make or mend .venv from a lock file; uv where it is found, else venv and pip.
# usage: [PYTHON=python3.12] [VENV=.venv] make_env.sh LOCKFILE
set -euo pipefail
lock=$1
python=${PYTHON:-}
venv=${VENV:-.venv}

say() { printf '%s\n' "$*" >&2; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; }
if [ -z "$python" ]; then
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && fits "$name"; then python=$name; break; fi
    done
fi
if [ -z "$python" ] || ! fits "$python"; then
    say "The workbench needs Python 3.11 to 3.14; ${python:-this machine} has none of these."
    say "Install one, or name it:  make env PYTHON=/path/to/python3.12"
    exit 1
fi

say "Making the environment in $venv from $lock (about 1.5 GB; two to five minutes the first time) …"
if command -v uv >/dev/null; then
    [ -x "$venv/bin/python" ] || uv venv --quiet --python "$python" "$venv"
    uv pip install --quiet --python "$venv/bin/python" --require-hashes --compile-bytecode -r "$lock"
    uv pip install --quiet --python "$venv/bin/python" --no-deps -e .
    exit
fi
if [ ! -x "$venv/bin/python" ]; then
    if ! "$python" -m venv "$venv" 2>/tmp/workbench-venv.$$; then
        cat /tmp/workbench-venv.$$ >&2; rm -f /tmp/workbench-venv.$$
        rm -rf "$venv"
        say ""
        say "Python could not make a virtual environment. On Debian and Ubuntu that part is a"
        say "package of its own:"
        say "    sudo apt-get install python3-venv"
        exit 1
    fi
    rm -f /tmp/workbench-venv.$$
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -e .
