#!/usr/bin/env bash
# Debian packages that the tests start as scratch instances on loopback, and the fonts and the
# browser that the acceptance test looks through; g++ builds the local model's engine. Installs what is missing, or says what to install.
set -euo pipefail
declare -A needed=(
    [chromium]=/usr/bin/chromium
    [fonts-noto-cjk]=/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
    [openssh-server]=/usr/sbin/sshd
    [postgresql]=/usr/share/postgresql-common/pg_wrapper
    [g++]=/usr/bin/g++
)
missing=()
for package in "${!needed[@]}"; do
    [ -e "${needed[$package]}" ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "The tests need these Debian packages: ${missing[*]}" >&2
    echo "Install them: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
echo "Installing ${missing[*]}"
# The tests start their own instances; a package must not start the machine's.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
