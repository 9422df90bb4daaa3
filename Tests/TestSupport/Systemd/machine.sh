#!/bin/bash
# A machine of its own for a test, with systemd as its first process: this one's files under an overlay that is thrown away, its own processes,
# names, cgroups and devices, and the network namespace that it is started in. Everything goes when this script's input ends.
#   machine.sh DIRECTORY ADDRESS PORT KILL
# DIRECTORY has the client's key.pub and the sshd's host_key; sshd listens on ADDRESS and PORT, and logind has KillUserProcesses=KILL.
# The user is `ann`; sshd answers when the machine has booted.
set -euo pipefail

if [ "${5:-}" != inside ]; then
    # A cgroup of the second version, which this machine may have anywhere, or not mounted at all.
    hierarchy=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
    if [ -n "$hierarchy" ]; then
        # Those of runs that were killed are empty.
        find "$hierarchy" -depth -path "$hierarchy/portal-test-*" -type d -exec rmdir {} + 2>/dev/null || true
        mkdir "$hierarchy/portal-test-$$"
        echo $$ >"$hierarchy/portal-test-$$/cgroup.procs"
    fi
    unshare --mount --uts --ipc --pid --cgroup --fork --kill-child -- "$0" "$@" inside </dev/null &
    trap 'kill -KILL $! 2>/dev/null' EXIT
    # It ends with whoever has the other end, however that ends.
    read -r _ || true
    exit 0
fi

directory=$1 address=$2 port=$3 kill=$4
mount --make-rprivate /
mkdir -p "$directory/machine"
mount -t tmpfs tmpfs "$directory/machine"
cd "$directory/machine"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" root
root=$PWD/root

# Before its own /run and /tmp hide the directory.
mkdir -p "$root/home/ann/.ssh" "$root/etc/portal-test" "$root/etc/systemd/logind.conf.d"
cp "$directory/key.pub" "$root/home/ann/.ssh/authorized_keys"
cp "$directory/host_key" "$root/etc/portal-test/host_key"
chmod 600 "$root/etc/portal-test/host_key"
grep -q ^ann: "$root/etc/passwd" || chroot "$root" useradd --no-create-home --shell /bin/bash --password '*' ann
chown -R "$(grep ^ann: "$root/etc/passwd" | cut -d: -f3,4)" "$root/home/ann"
printf '[Login]\nKillUserProcesses=%s\n' "$kill" >"$root/etc/systemd/logind.conf.d/portal-test.conf"
cat >"$root/etc/portal-test/sshd_config" <<END
Port $port
ListenAddress $address
HostKey /etc/portal-test/host_key
UsePAM yes
PasswordAuthentication no
END
cat >"$root/etc/systemd/system/portal-test-sshd.service" <<END
[Unit]
After=systemd-logind.service systemd-user-sessions.service
[Service]
ExecStartPre=/bin/mkdir -p /run/sshd
ExecStart=/usr/sbin/sshd -D -e -f /etc/portal-test/sshd_config
KillMode=process
END
cat >"$root/etc/systemd/system/portal-test.target" <<END
[Unit]
Requires=dbus.service systemd-logind.service systemd-user-sessions.service portal-test-sshd.service
AllowIsolate=yes
END

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for name in run tmp dev; do mount -t tmpfs tmpfs "$root/$name"; done
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/random" c 1 8
mknod -m 666 "$root/dev/urandom" c 1 9
mknod -m 666 "$root/dev/tty" c 5 0
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
hostname portal-test
exec chroot "$root" /usr/bin/env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=portal-test.target --log-target=console --log-level=warning
