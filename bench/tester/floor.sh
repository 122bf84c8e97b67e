#!/bin/bash
# apt and dpkg alone: an overlay on the unpacked base, installation, removal, purge; no check and no log.
# Usage, in a mount namespace of its own: floor.sh ARCHIVES PACKAGE LAYER... BASE; one of the layers holds the .debs.
# With DOWNLOAD=1 they are only fetched, to ARCHIVES.
set -e
archives=$1 package=$2
shift 2
lower=$(IFS=:; echo "$*")
room=$(mktemp -d)
trap 'umount -l "$room"; rmdir "$room"' EXIT
mount -t tmpfs tmpfs "$room"
mkdir "$room"/{upper,work,root}
mount -t overlay overlay "$room/root" -o "lowerdir=$lower,upperdir=$room/upper,workdir=$room/work,redirect_dir=on,metacopy=off,index=off"
root=$room/root
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
for node in null zero full random urandom; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
if [ -n "$DOWNLOAD" ]; then
    mount --bind "$archives" "$root/var/cache/apt/archives"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
fi
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive chroot "$root" "$@" </dev/null; }
# the braces are for dpkg-query
# shellcheck disable=SC2016
names() { inside dpkg-query -W -f '${binary:Package}\n' | sort; }
if [ -n "$DOWNLOAD" ]; then
    inside apt-get -y --download-only -o APT::Sandbox::User=root install "$package"
    exit
fi
before=$(names)
inside apt-get -y install "$package"
mapfile -t new < <(comm -13 <(echo "$before") <(names))
inside apt-get -y remove "${new[@]}"
inside dpkg --purge "${new[@]}"
