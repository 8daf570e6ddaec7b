#!/bin/bash
# TZ="CET-1CEST,M3.5.0,M10.5.0/3", as OpenWrt and others set it: JavaScript does not know this form
# and uses UTC, so lines in the system log were off by hours.
# Expected: the local time, as date(1) prints it.
. "${0%/*}/header.sh"

export TZ='XYZ-9ZYX,M3.5.0,M10.5.0/3'
python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(20)
print(s.recv(9999).decode())' "$T/log" >"$T/received" &
receiver=$!
PIDS="$PIDS $receiver"
wait_for [ -S "$T/log" ] || fault "the receiver does not start"
before=$(date +%H)
BALANCE_SYSLOG=$T/log $BALANCE_CMD -d -b 127.0.0.1 "$P" "127.0.0.1:$B" || fault "exit code $?"
wait $receiver
after=$(date +%H)
$BALANCE_CMD -b 127.0.0.1 -c kill "$P" >/dev/null
got=$(sed -n 's/^<[0-9]*>... .. \(..\):.*/\1/p' "$T/received")
echo "date(1): hour $before, syslog: hour $got"
[ "$got" = "$before" ] || [ "$got" = "$after" ] || fault "hour $got instead of $before"
ok "local time"
