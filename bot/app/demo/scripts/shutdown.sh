#!/bin/sh
# Asks the application to stop, waits up to 10 seconds, then kills it.
HOME_DIR=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
APPLICATION=$HOME_DIR/lib/application.py
PID_FILE=$HOME_DIR/run/tomcat.pid
. "$HOME_DIR/lib/process.sh" || exit 1

if ! pid=$(running_pid); then
    rm -f "$PID_FILE"
    echo "Tomcat is not running."
    exit 0
fi
kill -TERM "$pid" 2>/dev/null
waited=0
while [ "$waited" -lt 100 ] && running_pid >/dev/null; do
    sleep 0.1
    waited=$((waited + 1))
done
if running_pid >/dev/null; then
    echo "Tomcat did not stop in time. Killing PID $pid." >&2
    kill -KILL "$pid" 2>/dev/null
fi
rm -f "$PID_FILE"
echo "Tomcat stopped."
