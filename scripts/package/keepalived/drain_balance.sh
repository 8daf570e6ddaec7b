#!/bin/sh
# Drains all channels before keepalived gives the address up: usage: drain_balance.sh SECONDS
# systemd runs it before it stops keepalived, see drain.conf.
#
# Open connections get this many seconds to end; those that are left end when the address moves.
# Meanwhile new clients are refused or, with --wait, wait. So keep it short.
BALANCE=/usr/local/bin/balance
ADDRESS=192.0.2.10
PORT=8080
DRAINING=/run/balance-keepalived.draining

: >"$DRAINING"
"$BALANCE" -b "$ADDRESS" -c "drain --all ${1:-5}" "$PORT" >/dev/null 2>&1
# Never keeps keepalived from stopping.
exit 0
