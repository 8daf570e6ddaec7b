#!/bin/bash
# /dev/log is a stream socket where syslog-ng has unix-stream("/dev/log"). syslog(3), and so 3.35,
# and logger(1) can use it; balance dropped every message without a word.
# Expected: after EPROTOTYPE, it connects to a stream.
. "${0%/*}/header.sh"

python3 -c '
import socket, sys, threading
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind(sys.argv[1])
s.listen(8)
def copy(c):
    while True:
        d = c.recv(65536)
        if not d: break
        sys.stdout.write(d.decode())
        sys.stdout.flush()
while True: threading.Thread(target=copy, args=(s.accept()[0],), daemon=True).start()
' "$T/log" >"$T/received" &
PIDS="$PIDS $!"
wait_for [ -S "$T/log" ] || fault "the receiver does not start"
BALANCE_SYSLOG=$T/log $BALANCE_CMD -d --log syslog -b 127.0.0.1 "$P" "127.0.0.1:$B" ||
  fault "exit code $?"
greeting "$P" >/dev/null
wait_for grep -q 'balance\[' "$T/received"
found=$?
$BALANCE_CMD -b 127.0.0.1 -c kill "$P" >/dev/null
tr '\0' '\n' <"$T/received"
[ $found = 0 ] || fault "no message has arrived"
ok "messages arrive"
