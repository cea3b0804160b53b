#!/bin/sh
# Starts the application in the background and returns at once, as Tomcat's startup.sh does.
HOME_DIR=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
APPLICATION=$HOME_DIR/lib/application.py
PID_FILE=$HOME_DIR/run/tomcat.pid
LOCK=$HOME_DIR/run/startup.lock
. "$HOME_DIR/conf/setenv.sh" || exit 1
. "$HOME_DIR/lib/process.sh" || exit 1

mkdir -p "$HOME_DIR/run" "$HOME_DIR/logs"
# Two starts at the same moment: the second one steps back. A lock whose holder is gone counts for nothing.
if ! (set -C; echo $$ >"$LOCK") 2>/dev/null; then
    holder=$(cat "$LOCK" 2>/dev/null)
    if [ -n "$holder" ] && kill -0 "$holder" 2>/dev/null; then
        echo "Another startup is under way (PID $holder). Start aborted." >&2
        exit 1
    fi
    echo $$ >"$LOCK"
fi
trap 'rm -f "$LOCK"' EXIT

if pid=$(running_pid); then
    echo "Tomcat appears to still be running with PID $pid. Start aborted." >&2
    exit 1
fi
nohup "$PYTHON" -I "$APPLICATION" --root "$DEPLOY_PATH" --node "$NODE_PROPERTIES" \
    >>"$HOME_DIR/logs/catalina.out" 2>&1 </dev/null &
echo $! >"$PID_FILE.new" && mv -f "$PID_FILE.new" "$PID_FILE"
echo "Tomcat started."
