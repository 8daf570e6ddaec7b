#!/bin/bash
# "nohup balance -f ... &": SIGHUP is ignored from the start, but balance listened for it and ended
# when the terminal was closed.
# Expected: a signal that is ignored at the start stays ignored.
. "${0%/*}/header.sh"

nohup $BALANCE_CMD -f -b 127.0.0.1 "$P" "127.0.0.1:$B" >/dev/null 2>&1 &
PID=$!
PIDS="$PIDS $PID"
wait_for_port "$P" || fault "it does not start"
kill -HUP "$PID"
for _ in $(seq 20); do
  sleep 0.1
  [ "$(greeting "$P")" = hi ] || fault "it has ended"
done
ok "it still serves"
