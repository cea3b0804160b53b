#!/bin/sh
# This node's own crontab, never the machine's: -l prints it, - takes a new one from standard input.
FILE=$HOME/var/spool/cron/crontab
case "$1" in
    -l)
        if [ ! -f "$FILE" ]; then
            echo "no crontab for $LOGNAME" >&2
            exit 1
        fi
        exec cat "$FILE"
        ;;
    -)
        mkdir -p "${FILE%/*}" && cat >"$FILE.new" && mv -f "$FILE.new" "$FILE"
        ;;
    *)
        echo "crontab: usage error: -l or - must be given" >&2
        exit 1
        ;;
esac
