#!/bin/bash
# Started from a login session, the control socket was in $XDG_RUNTIME_DIR. Cron jobs, sudo and su of
# the same user have no such variable or another one, and got "no master process". At logout the
# directory is removed, and the balancer could not be controlled any more.
# Expected: the same user and root find it with any environment, and after a logout.
. "${0%/*}/header.sh"

need_other_user
unshare -m true 2>/dev/null || skip "it needs a mount namespace"
unset BALANCE_RUNDIR XDG_RUNTIME_DIR
export B P T
unshare -m bash -c '
  cd /
  mount -t tmpfs -o mode=755 tmpfs /run
  user="setpriv --reuid=64123 --regid=64123 --clear-groups"
  session=/run/user/64123
  make_session() { install -d -o 64123 -g 64123 -m 700 $session; }
  control() { $BALANCE_CMD -b 127.0.0.1 "$@" $P; }
  install -d -m 755 /run/user
  make_session
  export -f control
  XDG_RUNTIME_DIR=$session $user $BALANCE_CMD -b 127.0.0.1 $P 127.0.0.1:$B
  pid=$(XDG_RUNTIME_DIR=$session $user $BALANCE_CMD -b 127.0.0.1 -i $P </dev/null |
    sed -n "s/^PID of master process is //p")
  $user bash -c "control -c \"mrtg-bytes 0 0\"" >$T/cron 2>&1; echo $? >$T/cron.code
  control -c show >$T/root 2>&1; echo $? >$T/root.code
  rm -rf $session
  make_session
  XDG_RUNTIME_DIR=$session $user bash -c "control -c show" >$T/later 2>&1; echo $? >$T/later.code
  kill -0 $pid && echo yes >$T/alive
  kill $pid
  for _ in $(seq 100); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
  rm -rf /tmp/balance-64123'
for who in cron root later; do
  echo "$who: exit code $(cat "$T/$who.code"): $(tail -n 1 "$T/$who")"
done
[ -s "$T/alive" ] || fault "it did not start"
! grep -qvx 0 "$T"/*.code || fault "it cannot be controlled from cron, by root or after a new login"
ok "it is found from everywhere"
