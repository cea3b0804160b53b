#!/bin/sh
# nginx of this node: -t checks the configuration, -s reload|quit|stop signals, nothing starts it.
HOME_DIR=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
. "$HOME_DIR/conf/setenv.sh" || exit 1
exec "$PYTHON" -I -m bot.app.demo.nginx -p "$HOME_DIR" "$@"
