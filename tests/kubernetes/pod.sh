# Makes of the root folder $1 what a container of a pod is, and becomes its program: with the volume
# $2, the host name $3, the user $4 and the pod's group $5; the rest are its arguments. In mount, PID,
# IPC and host name namespaces of its own; the network is that of who started it.
set -e
root=$1 volume=$2 name=$3 user=$4 group=$5
shift 5
mount --bind "$root" "$root"
mount --bind "$volume" "$root/etc/jat-proxy"
mount -o remount,bind,ro "$root/etc/jat-proxy"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
echo "$name" >/proc/sys/kernel/hostname
exec setpriv --no-new-privs chroot --groups="$group" --userspec="$user:$user" "$root" /jat-proxy "$@"
