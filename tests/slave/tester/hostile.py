"""Packages that mean harm, each with what the test has to say about it; and some that are harmless but look alike."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from demo.debs import DebSpec
from tests.slave.tester.specimens import deb

LIMITS: Final = ("--quota-memory", "96", "--quota-disk", "96", "--quota-processes", "350")
X86: Final = os.uname().machine == "x86_64"


class Attack(NamedTuple):
    """A package and a part of the log that names the limit that it met, or what it did."""

    name: str
    spec: DebSpec
    named: str
    options: tuple[str, ...] = ()


def attack(name: str, script: str, named: str, *options: str) -> Attack:
    """What is done when the package is configured."""
    return Attack(name, deb(f"h-{name.replace(' ', '-')}", postinst=script), named, options)


def _call(number: int, *arguments: str) -> str:
    """A system call by number (x86-64) that must not work: the script ends well if it was refused."""
    words = ", ".join((str(number), *arguments))
    return f"perl -e 'exit(syscall({words}) == -1 ? 0 : 1)'"


EXCESSIVE: Final = "Terminating command due to excessive "
_LEFT: Final = "FAIL: Processes are running inside chroot:"
_FAILED: Final = "returned error exit status"
ATTACKS: Final = (
    # limits
    attack("fork storm", "f() { f | f & wait; exit 1; }; f", f"{EXCESSIVE}processes"),
    attack("eats memory", "perl -e 'my @x; push @x, chr(1) x (1 << 20) while 1'", f"{EXCESSIVE}memory"),
    attack("eats the disk", "cat /dev/zero > /srv/full", f"{EXCESSIVE}disk"),
    attack("eats inodes", "perl -e 'my $n; 1 while symlink q(x), q(/srv/) . $n++; exit 1'", f"{EXCESSIVE}disk"),
    attack("never ends", "sleep 100000", f"{EXCESSIVE}runtime", "--command-runtime", "6"),
    attack("outlives the whole test", "sleep 100000", f"{EXCESSIVE}test time", "--total-runtime", "8"),
    attack("never stops talking", "yes", f"{EXCESSIVE}output", "--max-command-output-size", "1"),
    # what is there afterwards
    attack("kills all", "kill -9 -1", "Command failed (status="),
    attack("deletes all", "rm -rf --no-preserve-root / 2> /dev/null; exit 0", "Command failed (status="),
    attack("holds the pipe", "sleep 100000 &", _LEFT),
    attack("double forks", "perl -e 'exit if fork; use POSIX; POSIX::setsid(); exit if fork; sleep 100000'", _LEFT),
    attack("talks to the thief", "perl -e 'open F, q(<), q(/proc/self/fd/1); while (1) { sysread F, $x, 1 }' &", _LEFT),
    attack("stops everybody", "kill -STOP -1; :", f"{EXCESSIVE}runtime", "--command-runtime", "6"),
    # what is not theirs
    attack("mounts", "mount -t tmpfs none /mnt", "mount: /mnt: "),
    attack("reads a disk", "mknod /srv/b b 254 0 && head -c 1 /srv/b", "/srv/b"),
    attack("sets a sysctl", "echo x > /proc/sys/kernel/core_pattern", "/proc/sys/kernel/core_pattern"),
    attack("renames the host", "hostname elsewhere", "hostname: "),
    attack("reads the supervisor", "cat /proc/1/environ /proc/1/mem", "/proc/1/environ"),
    attack("hides files", "mknod /etc/passwd.new c 0 0 && mv /etc/passwd.new /etc/passwd", "/etc/passwd.new"),
    attack("fetches", "perl -MIO::Socket::INET -e 'my ($p) = $ENV{http_proxy} =~ m{//(.*)} or exit 3;"
           " my $s = IO::Socket::INET->new($p) or exit 4; print $s qq(GET / HTTP/1.0\\r\\n\\r\\n);"
           " exit(<$s> =~ m{ 403 No network} ? 1 : 0)'", _FAILED),
    # what we read and write on the way
    attack("plants traps", "mkdir -p /etc/cron.d; ln -sf /proc/1/mem /etc/cron.d/x; ln -sfn /proc/self/fd /tmp/d; "
           "ln /bin/su /var/lib/su; ln -sf ../../../../../../../../etc/h-planted /var/h-x; "
           "printf x > \"/var/lib/$(printf '\\377\\001\\033[31m new\\nline')\"",
           "FAIL: Package purging left files on system"),
    attack("replaces what is read", "for f in passwd group shadow; do rm /etc/$f; mkfifo /etc/$f; done",
           f"{EXCESSIVE}runtime", "--command-runtime", "6"),
    attack("makes it huge", "truncate -s 8E /etc/passwd || truncate -s 4T /etc/passwd", "FAIL"),
)

# All at once: the same words, but within limits, ended, and put back.
TWINS: Final = (
    deb("t-forks", postinst="for i in $(seq 20); do true & done; wait"),
    deb("t-memory", postinst="perl -e 'my $x = chr(1) x (8 << 20)'"),
    deb("t-disk", postinst="head -c 4M /dev/zero > /srv/some; rm /srv/some"),
    deb("t-daemon", postinst="sleep 1000 > /dev/null 2>&1 & kill $!; wait $! || true"),
    deb("t-output", postinst="yes | head -c 100000"),
    deb("t-kill", postinst="sleep 1000 & kill -9 $!; wait $! || true"),
    deb("t-mount", postinst="mount -t tmpfs none /mnt 2> /dev/null || true; unshare --mount true 2> /dev/null || true"),
    deb("t-node", postinst="mknod /srv/n c 1 3; rm /srv/n; mkfifo /srv/p; rm /srv/p"),
    deb("t-links", postinst="ln -s /proc/1/mem /srv/l; rm /srv/l; ln /bin/su /srv/su; rm /srv/su"),
    deb("t-inodes", postinst="mkdir /srv/i; for i in $(seq 300); do ln -s x /srv/i/$i; done; rm -r /srv/i"),
    deb("t-deletes", postinst="cp -a /usr/share/doc /srv/doc; rm -rf --one-file-system /srv/doc"),
    deb("t-sleeps", postinst="sleep 1"),
    deb("t-stops", postinst="sleep 1000 & kill -STOP $!; kill -CONT $!; kill $!; wait $! || true"),
    deb("t-reads", postinst="hostname > /dev/null; cat /proc/sys/kernel/core_pattern > /dev/null; "
        "hostname elsewhere 2> /dev/null || true"),
    deb("t-replaces", postinst="cp -a /etc/group /etc/group.new; mv /etc/group.new /etc/group"),
    deb("t-huge", postinst="truncate -s 1G /srv/sparse; rm /srv/sparse"),
    deb("t-odd", postinst="f=/srv/$(printf '\\377\\033[31m'); echo > \"$f\"; rm \"$f\""),
    deb("t-proc", postinst="cat /proc/1/environ 2> /dev/null || true; ls /proc/self/fd > /dev/null; date > /dev/null"),
    deb("t-fetch", postinst="perl -MIO::Socket::INET -e 'IO::Socket::INET->new(q(192.0.2.1:80))'; true"),
    *(
        [
            deb("t-calls", postinst="\n".join([
                _call(425, "1", "0"), _call(323, "0"), _call(321, "0", "0", "0"), _call(298, "0", "0", "-1", "-1", "0"),
                _call(250, "11", "-4", "0", "0", "0"), _call(41, "40", "1", "0"), _call(101, "16", "1", "0", "0"),
                _call(308, "0", "0"), _call(272, "0x10000000"), _call(175, "0", "0", "0"), _call(227, "0", "0"),
                _call(246, "0", "0", "0", "0"), _call(161, "0"),
            ])),
        ]
        if X86
        else []
    ),
)  # fmt: skip
