#!/bin/sh
# Stands before dpkg-deb for one run of apt. When dpkg asks for the files of a package under test for the first time, it
# gets half of them, and is killed while it waits for the rest.
here=/tmp/piufarm-interrupt
deb=
fsys=
for word do
	case $word in
	--fsys-tarfile) fsys=yes ;;
	*.deb) deb=$word ;;
	esac
done
if [ "$fsys" ] && [ ! -e $here/fired ]; then
	name=$(/usr/bin/dpkg-deb --field "$deb" Package)
	if grep -qF " $name " $here/names; then
		: > $here/fired
		size=$(/usr/bin/dpkg-deb --fsys-tarfile "$deb" | wc -c)
		/usr/bin/dpkg-deb --fsys-tarfile "$deb" | head -c $((size / 2))
		sleep 0.3
		kill -KILL $PPID
		exit 1
	fi
fi
exec /usr/bin/dpkg-deb "$@"
