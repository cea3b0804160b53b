# Read by startup.sh and shutdown.sh, which set PID_FILE and APPLICATION.

# Prints the pid of the running application. A pid file left behind, and a pid that has since
# been given to some other process, count as not running.
running_pid() {
    [ -s "$PID_FILE" ] || return 1
    candidate=$(cat "$PID_FILE")
    kill -0 "$candidate" 2>/dev/null || return 1
    if [ -r "/proc/$candidate/cmdline" ]; then
        # Between fork and exec the child still has the name of the script that starts it.
        tr '\0' '\n' <"/proc/$candidate/cmdline" 2>/dev/null \
            | grep -qxF -e "$APPLICATION" -e "$HOME_DIR/bin/startup.sh" || return 1
    fi
    echo "$candidate"
}
