#!/bin/sh
# Boots a real systemd in its own mount, PID, UTS, IPC and cgroup namespaces. Its root is an overlay
# of this machine's root whose changes stay in memory, with its own /dev, /proc, /run, /tmp and
# cgroups; only the network is that of this machine. It ends when stdin is closed.
#
# Usage: boot.sh FOLDER. The contents of FOLDER/root are copied into the root. The PID of systemd is
# written to FOLDER/pid, its console to FOLDER/console, the paths in FOLDER/binds are bind-mounted.
set -eu
folder=$1

if [ "${2-}" = --inside ]; then
  # This /proc is still that of the machine, where the process has another PID.
  read -r pid rest </proc/self/stat
  echo "$pid" >"$folder/pid"
  # From here on no mount reaches the machine.
  mount --make-rprivate /
  mount -t tmpfs -o mode=755 tmpfs /run
  root=/run/root
  mkdir $root /run/upper /run/work
  mount -t overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work overlay $root
  mount -t proc -o nosuid,nodev,noexec proc $root/proc
  mount --bind $root/proc/sys $root/proc/sys
  mount -o remount,bind,ro $root/proc/sys
  mount -t sysfs -o ro sysfs $root/sys
  mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs $root/dev
  for name in null zero full random urandom tty; do
    : >$root/dev/$name
    mount --bind /dev/$name $root/dev/$name
  done
  mkdir $root/dev/pts $root/dev/shm
  mount -t devpts -o newinstance,ptmxmode=666 devpts $root/dev/pts
  mount -t tmpfs tmpfs $root/dev/shm
  ln -s pts/ptmx $root/dev/ptmx
  ln -s /proc/self/fd $root/dev/fd
  mount -t tmpfs -o mode=755 tmpfs $root/run
  mount -t tmpfs -o mode=1777 tmpfs $root/tmp
  mount -t tmpfs -o mode=1777 tmpfs $root/var/tmp
  cp -a "$folder/root/." $root
  while read -r from to; do
    mkdir -p "$root${to%/*}"
    if [ -d "$from" ]; then mkdir -p "$root$to"; else : >"$root$to"; fi
    mount --bind "$from" "$root$to"
  done <"$folder/binds"
  mkdir $root/run/old
  cd $root
  pivot_root . run/old
  exec >run/old"$folder/console" 2>&1
  umount -l run/old
  rmdir run/old
  exec env -i container=balance-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    SYSTEMD_UNIT_PATH=/etc/systemd/system \
    setpriv --bounding-set=-sys_time,-sys_module,-sys_boot,-sys_rawio \
    /lib/systemd/systemd --system --log-target=console --show-status=no --unit=test.target
fi

# The cgroup hierarchy is mounted for this script only.
if [ "${2-}" != --private ]; then
  exec unshare --mount --propagation=private sh "$0" "$folder" --private
fi
mkdir "$folder/cgroup"
mount -t cgroup2 cgroup2 "$folder/cgroup"
group=$folder/cgroup/balance-test-$$
mkdir "$group"
exec 3<&0
sh -c 'echo $$ >"$3/cgroup.procs" && exec unshare --mount --pid --fork --uts --ipc --cgroup \
  sh "$1" "$2" --inside' - "$0" "$folder" "$group" 3<&- </dev/null &
namespaces=$!
(
  cat <&3 >/dev/null
  # The end of the first process ends all others in its namespace.
  [ ! -s "$folder/pid" ] || kill -KILL "$(cat "$folder/pid")"
) &
wait $namespaces || true
kill $! 2>/dev/null || true
find "$group" -depth -type d -exec rmdir {} +
