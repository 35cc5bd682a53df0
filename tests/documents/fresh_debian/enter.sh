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
touch usr/bin/jat-proxy
mount --bind "$3" usr/bin/jat-proxy
mkdir -p srv/stand-ins root/repository/packaging
for name in apt cargo deb sudo systemctl; do
    cp "$here/stand_in" "srv/stand-ins/$name"
done
mv srv/stand-ins/deb root/repository/packaging/
cp "$4" srv/script
exec chroot . env -i -C /root/repository HOME=/root LC_ALL=C.UTF-8 \
    PATH=/srv/stand-ins:/usr/sbin:/usr/bin:/sbin:/bin bash /srv/script
