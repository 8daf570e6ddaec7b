#!/bin/bash
# logrotate with copytruncate on a dump (text, hex, JSON): the file was not open for appending, so
# after the truncation the dump went on at the old offset, after a hole of NUL bytes.
# Expected: no NUL bytes.
. "${0%/*}/header.sh"

F=$T/dump.json
$BALANCE_CMD -b 127.0.0.1 --dump-file "$F" "$P" "127.0.0.1:$B" || fault "exit code $?"
PIDS="$PIDS $(pid_of "$P")"
greeting "$P" >/dev/null
ended() { grep -q '"end"' "$F"; }
wait_for ended || fault "the end of the connection is not in the dump"
cp "$F" "$F.1"
: >"$F"
greeting "$P" >/dev/null
wait_for ended || fault "nothing was written after the truncation"
$BALANCE_CMD -b 127.0.0.1 -c kill "$P" >/dev/null
nul=$(tr -cd '\0' <"$F" | wc -c)
echo "$(stat -c %s "$F") bytes, $nul of them NUL; before the truncation: $(stat -c %s "$F.1")"
[ "$nul" = 0 ] || fault "$nul NUL bytes"
ok "no NUL bytes"
