# Runs in mount, PID, IPC and host name namespaces of its own; the network is the host's, where the
# server is. Makes of the folder $1 what a container has, and becomes its systemd, in a cgroup
# called $2: two that shared one would remove each other's.
set -e
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
cgroup=sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/$2
mkdir "$cgroup"
echo 0 >"$cgroup/cgroup.procs"
umount sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
echo jat-proxy-test >etc/hostname
# Debian 13 would load modules of the kernel, which is not its own.
ln -sf /dev/null etc/systemd/system/systemd-modules-load.service
pivot_root . mnt
umount -l /mnt
# That cgroup is the root of what it sees. "container" has it change no setting of the kernel.
exec unshare --cgroup sh -ec '
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --unit=multi-user.target --show-status=no --log-target=journal'
