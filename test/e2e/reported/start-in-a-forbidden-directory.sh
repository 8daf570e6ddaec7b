#!/bin/bash
# "sudo -u nobody balance ..." and "su -c 'balance ...' user" in a directory that this user may not
# enter, such as /root: the background process did not start ("internal error: Failed to spawn").
# Expected: it starts from any directory, as 3.35.
. "${0%/*}/header.sh"

need_other_user
install -d -o 64123 -g 64123 -m 700 "$T/run"
install -d -m 700 "$T/private"
cd "$T/private" || fault "no directory"
as_user $BALANCE_CMD -b 127.0.0.1 "$P" "127.0.0.1:$B"
code=$?
cd /
as_user $BALANCE_CMD -b 127.0.0.1 -c kill "$P" >/dev/null 2>&1
[ $code = 0 ] || fault "exit code $code"
ok "it starts"
