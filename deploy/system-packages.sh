#!/usr/bin/env bash
# Debian packages that the tests start as scratch instances on loopback, and the fonts and the
# browser that the acceptance test looks through; g++ builds the local model's engine. Installs
# what is missing, or says what to install. As root it also makes the account guardia-lab: what the
# tests log in to as, since a test of permissions or of a full disk proves nothing as root.
set -euo pipefail
declare -A needed=(
    [chromium]=/usr/bin/chromium
    [cron]=/usr/bin/crontab
    [default-jre-headless]=/usr/bin/java
    [faketime]=/usr/bin/faketime
    [fonts-noto-cjk]=/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
    [g++]=/usr/bin/g++
    [git]=/usr/bin/git
    [iputils-ping]=/usr/bin/ping
    [libtomcat10-java]=/usr/share/java/tomcat10-catalina.jar
    [nginx]=/usr/sbin/nginx
    [openssh-client]=/usr/bin/ssh
    [openssh-server]=/usr/sbin/sshd
    [openssl]=/usr/bin/openssl
    [postgresql]=/usr/share/postgresql-common/pg_wrapper
    [rsync]=/usr/bin/rsync
    [sudo]=/usr/sbin/visudo
    [tomcat10-common]=/usr/share/tomcat10/bin/catalina.sh
    [vsftpd]=/usr/sbin/vsftpd
    [wrk]=/usr/bin/wrk
)
account=guardia-lab

make_account() {
    id "$account" >/dev/null 2>&1 && return
    # "*" is no password; the usual "!" is a locked account, which sshd refuses without PAM.
    useradd --system --create-home --user-group --shell /bin/bash --password '*' \
        --comment "scratch servers of GUARDiA's tests" "$account"
}

missing=()
for package in "${!needed[@]}"; do
    [ -e "${needed[$package]}" ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    [ "$(id -u)" -ne 0 ] || make_account
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "The tests need these Debian packages: ${missing[*]}" >&2
    echo "Install them: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
make_account
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
