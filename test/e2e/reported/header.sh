# The common part of the reported faults, sourced by each script.
#
# BALANCE_CMD is the program, as words. The exit code is 0 if the fault is absent, 1 if it is present,
# and 77 if it cannot be tested here; the last line gives the reason.
set -u
: "${BALANCE_CMD:?the program, e.g. /path/to/dist/balance}"
export NO_COLOR=1 DENO_NO_UPDATE_CHECK=1 RUST_BACKTRACE=0
T=$(mktemp -d)
chmod 755 "$T"
export BALANCE_RUNDIR=$T/run
PIDS=

cleanup() {
  for pid in $PIDS; do kill "$pid" 2>/dev/null; done
  wait 2>/dev/null
  cd /
  rm -rf "$T"
}
trap cleanup EXIT

fault() { echo "fault: $*"; exit 1; }
ok() { echo "ok: $*"; exit 0; }
skip() { echo "skipped: $*"; exit 77; }

# Runs a command as a user without a name and without other groups.
as_user() { setpriv --reuid=64123 --regid=64123 --clear-groups "$@"; }

# Skips unless this is root, and other users can run the program too.
need_other_user() {
  [ "$(id -u)" = 0 ] || skip "it needs root"
  (cd / && as_user $BALANCE_CMD --version >/dev/null 2>&1) ||
    skip "other users cannot run [${BALANCE_CMD%% *}]"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits until a port accepts connections.
wait_for_port() {
  for _ in $(seq 150); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    sleep 0.1
  done
  return 1
}

# Waits until a command succeeds.
wait_for() {
  for _ in $(seq 150); do
    "$@" && return 0
    sleep 0.1
  done
  return 1
}

# Starts a backend that greets with "hi" and echoes.
backend() {
  python3 -c '
import socket, sys, threading
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen(256)
def serve(c):
    try:
        c.sendall(b"hi\n")
        while True:
            d = c.recv(65536)
            if not d: break
            c.sendall(d)
    except OSError: pass
    c.close()
while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
' "$1" &
  PIDS="$PIDS $!"
  wait_for_port "$1" || fault "the backend does not start"
}

# The first line from a port.
greeting() {
  timeout 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1 && head -n 1 <&3" 2>/dev/null
}

# The PID of the background process that listens on a port of 127.0.0.1.
pid_of() {
  $BALANCE_CMD -b 127.0.0.1 -i "$1" </dev/null | sed -n 's/^PID of master process is //p'
}

B=$(free_port) # the backend's
P=$(free_port) # that of balance
backend "$B"
