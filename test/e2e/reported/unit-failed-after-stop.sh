#!/bin/bash
# "systemctl stop" while a connection stays open longer than --grace: balance exits with 143, which
# systemd takes for a failure, unlike the death by SIGTERM.
# Expected: exit code 0, or the code in SuccessExitStatus= of the unit, $BALANCE_UNIT.
. "${0%/*}/header.sh"

unit=${BALANCE_UNIT:-scripts/package/balance@.service}
[ -r "$unit" ] || fault "no unit at $unit"
$BALANCE_CMD -f --grace 1 -b 127.0.0.1 "$P" "127.0.0.1:$B" &
PID=$!
wait_for_port "$P" || fault "it does not start"
exec 5<>"/dev/tcp/127.0.0.1/$P"
head -n 1 <&5 >/dev/null
kill "$PID"
wait "$PID"
code=$?
exec 5>&-
echo "exit code $code, in the unit: $(grep '^SuccessExitStatus' "$unit" || echo no SuccessExitStatus)"
[ $code = 0 ] || grep -Eq "^SuccessExitStatus=(.* )?$code( |$)" "$unit" ||
  fault "systemd takes that for a failure"
ok "the stop is a success"
