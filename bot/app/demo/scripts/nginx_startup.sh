#!/bin/sh
HOME_DIR=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
exec "$HOME_DIR/sbin/nginx"
