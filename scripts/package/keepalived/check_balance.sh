#!/bin/sh
# The check of keepalived: exits with 0 while balance has an available channel. It answers in about
# 0.1 s. A balance that was killed, hangs (after 1 s) or shuts down fails, too.
BALANCE=/usr/local/bin/balance
ADDRESS=192.0.2.10
PORT=8080
# Exists while drain_balance.sh runs: channels that drain on purpose are no failure.
DRAINING=/run/balance-keepalived.draining

[ -e "$DRAINING" ] && exit 0
exec "$BALANCE" -b "$ADDRESS" -c health "$PORT" >/dev/null
