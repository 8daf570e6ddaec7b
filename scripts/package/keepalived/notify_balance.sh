#!/bin/sh
# Called by keepalived with the kind and the name of what has changed, its new state and its priority:
# INSTANCE balance MASTER 100. After a drain, the channels are available again, so that this machine
# is ready for the next move.
BALANCE=/usr/local/bin/balance
ADDRESS=192.0.2.10
PORT=8080
DRAINING=/run/balance-keepalived.draining

logger -t keepalived "balance: this machine is now $3" 2>/dev/null
if [ -e "$DRAINING" ]; then
  # Only what drains: channels that an operator disabled stay disabled.
  "$BALANCE" -b "$ADDRESS" -c 'undrain --all' "$PORT" >/dev/null 2>&1
  rm -f "$DRAINING"
fi
exit 0
