#!/usr/bin/env bash
# Puts llama-cpp-python, built here, and the tests' tiny model into a venv: install.sh VENV_PYTHON
#
# The engine is built from its source with GGML_NATIVE off: a build for "this" processor crashes at
# the first decode where the machine hides some of its instructions. A build takes minutes, so the
# wheel is kept outside the clone, by version, flags and Python; a wheel of another origin is never
# taken (its hash would not be the source's, which is the only one in the lock).
set -euo pipefail
python=$(realpath -s "$1")
cd "$(dirname "$0")/../.."
lock=requirements-model.lock
export CMAKE_ARGS="-DGGML_NATIVE=OFF -DLLAMA_OPENSSL=OFF"
unset FORCE_CMAKE
pip=("$python" -m pip --disable-pip-version-check --quiet)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '/^[a-z]/ { mine = /^llama-cpp-python==/ } mine' "$lock" >"$work/engine.lock"
awk '/^[a-z]/ { mine = /^llama-cpp-python==/ } !mine' "$lock" >"$work/others.lock"
"${pip[@]}" install --require-hashes --no-deps -r "$work/others.lock"

about=$("$python" -c 'import platform, sys; print(sys.implementation.cache_tag, platform.machine(), *platform.libc_ver())')
key=$({ cat "$work/engine.lock"; echo "$CMAKE_ARGS $about"; } | sha256sum | cut -c1-16)
kept=${XDG_CACHE_HOME:-$HOME/.cache}/guardia/wheels/$key
if ! compgen -G "$kept/llama_cpp_python-*.whl" >/dev/null; then
    echo "Building llama-cpp-python: some minutes, once for this machine"
    PATH="$(dirname "$python"):$PATH" nice -n 10 "${pip[@]}" wheel --no-cache-dir --no-deps \
        --no-build-isolation --no-binary llama-cpp-python --require-hashes \
        -r "$work/engine.lock" -w "$work/wheel"
    mkdir -p "$(dirname "$kept")"
    rm -rf "$kept.new" && cp -r "$work/wheel" "$kept.new"
    rm -rf "$kept" && mv "$kept.new" "$kept" # whole or not at all
fi
"${pip[@]}" install --no-deps --no-index --force-reinstall "$kept"/llama_cpp_python-*.whl
if ! "$python" deploy/model/check.py; then
    rm -rf "$kept"
    echo "llama-cpp-python does not decode on this machine; its wheel is dropped" >&2
    exit 1
fi
