# Becomes a program in the Debian of another folder, which sees the project and the tests' folders
# at the paths that they have out here. In a mount namespace of its own, with which the mounts go:
#
#     unshare --mount sh enter.sh ROOT PROJECT TESTS PROGRAM [ARGUMENT...]
set -e
root=$1 here=$(pwd)
for folder in "$2" "$3"; do
    mkdir -p "$root$folder"
    mount --bind "$folder" "$root$folder"
done
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
shift 3
exec chroot "$root" env -C "$here" PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
