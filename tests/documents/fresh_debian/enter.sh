# Becomes a shell that runs the script $4 on a Debian on which nothing was configured yet: the folder
# $1, over which all changes go to the folder $2. It has the program $3, stand-ins for what a
# namespace can't do, and a network of its own.
#
#     unshare --mount --net --pid --fork --kill-child bash enter.sh ROOT CHANGES PROGRAM SCRIPT
set -euo pipefail
here=$(dirname "$(realpath "$0")")
mkdir -p "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
ip link set lo up
touch srv/program
mount --bind "$3" srv/program
mkdir -p srv/stand-ins root/repository etc/systemd/system
for name in apt cargo systemctl; do
    cp "$here/stand_in" "srv/stand-ins/$name"
done
# A copy of the repository, and the package.
cp -r "$here/../../../config" root/repository/
touch root/repository/jat-proxy_VERSION-1_ARCH.deb
cp "$4" srv/script
exec chroot . env -i -C /root/repository HOME=/root LC_ALL=C.UTF-8 \
    PATH=/srv/stand-ins:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash /srv/script
