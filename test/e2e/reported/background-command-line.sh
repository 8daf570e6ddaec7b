#!/bin/bash
# In the background, ps showed "/proc/self/exe --report-to=... ARGS". Users' scripts find the program
# by its command line: ps | grep balance, pidof balance, pgrep -f "balance 8080".
# Expected: the command line as typed, as with 3.35.
. "${0%/*}/header.sh"

typed=(-b 127.0.0.1 "$P" "127.0.0.1:$B")
$BALANCE_CMD "${typed[@]}" || fault "exit code $?"
PID=$(pid_of "$P")
PIDS="$PIDS $PID"
shown=$(tr '\0' ' ' <"/proc/$PID/cmdline")
echo "ps shows: $shown"
read -r first _ <<<"$shown"
[ "${first##*/}" = "$(basename "${BALANCE_CMD%% *}")" ] || fault "the first word is $first"
[[ "$shown" == *" ${typed[*]} " ]] || fault "the arguments are not those that were typed"
[[ "$shown" != *--report-to* ]] || fault "there is an argument that nobody typed"
ok "the program is found by its name"
