"""Logs as testers and slaves write them, good, bad and hostile ones."""

from __future__ import annotations

from typing import Final

HOSTILE_MARK: Final = "<script>alert(document.domain)</script>"
# breaks out of nothing: markup, escape sequences, control bytes, invalid UTF-8, text that runs backwards
HOSTILE: Final = (
    f"  {HOSTILE_MARK}\n  </pre></div><img src=x onerror=alert(1)>\n".encode()
    + b"  \x1b[31mred\x1b[0m \x1b]0;title\x07 bell\x07 back\x08space nul\x00 \x9b1m\r  overwritten\n"
    + b"  latin1 \xe9\xff\xfe broken \xc3\x28 \xed\xa0\x80\n"
    + "  evil \u202etxt.exe\u202c \u2028 \ufeff zero\u200bwidth \U000e0041 \ufffe\n".encode()
    + b"  " + b"x" * 5000 + b"\n"
)
_HEADER: Final = """\
Start: 2026-11-19 04:12:07 GMT

Package: {package}
Source: {source}
Version: {version}
Installed-Size: 1284
Maintainer: {maintainer}
Architecture: amd64
Depends: libc6 (>= 2.34)
Description: {package}, as packaged for this test
Section: utils
Priority: optional

Executing: piuparts --skip-logrotatefiles-test --warn-on-others --scripts-no-log -b sid_amd64.tar.gz --apt {package}
0m0.0s INFO: --------------------------------------------------------------------------------
0m0.0s INFO: To quickly glance what went wrong, scroll down to the bottom of this logfile.
0m0.0s INFO: piuparts version 0.1.0 starting up.
0m0.0s INFO: Command line arguments: piuparts -b sid_amd64.tar.gz --apt {package}
0m0.0s INFO: Running on: Linux worker1 6.18.0 #1 SMP x86_64
0m0.0s DEBUG: Created temporary directory /srv/tmp/tmpk3u2_q9x
0m0.1s DEBUG: Starting command: ['chroot', '/srv/tmp/tmpk3u2_q9x', 'apt-get', '-yf', 'install', '{package}={version}']
0m3.1s DUMP:{blank}
  Reading package lists...
  Building dependency tree...
  The following NEW packages will be installed:
    {package}
  0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.
  Selecting previously unselected package {package}.
  (Reading database ... 6418 files and directories currently installed.)
  Preparing to unpack .../{package}_{version}_amd64.deb ...
  Unpacking {package} ({version}) ...
  Setting up {package} ({version}) ...
"""
_PASS: Final = """\
0m3.1s DEBUG: Command ok: ['chroot', '/srv/tmp/tmpk3u2_q9x', 'apt-get', '-yf', 'install', '{package}={version}']
0m3.4s DEBUG: No broken symlinks as far as we can find.
0m4.0s DEBUG: Starting command: ['chroot', '/srv/tmp/tmpk3u2_q9x', 'dpkg', '--purge', '--pending']
0m4.2s DEBUG: Command ok: ['chroot', '/srv/tmp/tmpk3u2_q9x', 'dpkg', '--purge', '--pending']
0m4.6s INFO: PASS: Installation and purging test.
0m4.7s INFO: PASS: All tests.
0m4.7s INFO: piuparts run ends.

ret=0
End: 2026-11-19 04:12:12 GMT
"""
_LEFTOVERS: Final = """\
0m3.1s DEBUG: Command ok: ['chroot', '/srv/tmp/tmpk3u2_q9x', 'apt-get', '-yf', 'install', '{package}={version}']
0m3.9s WARNING: Modified(mode): /etc/{package}.conf expected(-rw-r--r-- root root) != found(-rw------- root root)
0m4.6s ERROR: FAIL: Package purging left files on system:
  /etc/{package}/\t not owned
  /etc/{package}/generated.conf\t not owned
  /var/lib/{package}/\t owned by: {package}
  /var/log/{package}.log\t not owned

0m4.6s ERROR: FAIL: Installation and purging test.
0m4.7s DEBUG: Removed directory tree at /srv/tmp/tmpk3u2_q9x
0m4.7s ERROR: piuparts run ends.

ret=1
End: 2026-11-19 04:12:12 GMT
"""
_SCRIPT_FAILS: Final = """\
  {package}.postinst: 12: frobnicate: not found
  dpkg: error processing package {package} (--configure):
   installed {package} package post-installation script subprocess returned error exit status 127
  Errors were encountered while processing:
   {package}
  E: Sub-process /usr/bin/dpkg returned an error code (1)
0m3.1s ERROR: Command failed (status=100): ['chroot', '/srv/tmp/tmpk3u2_q9x', 'apt-get', '-yf', 'install', '{package}']
  Reading package lists...
  {package}.postinst: 12: frobnicate: not found
  E: Sub-process /usr/bin/dpkg returned an error code (1)
0m3.2s ERROR: piuparts run ends.

ret=1
End: 2026-11-19 04:12:12 GMT
"""
_UNTESTABLE: Final = """\
Start: 2026-11-19 04:12:07 GMT
Package {package} not found in Packages file

ret=2
End: 2026-11-19 04:12:07 GMT
"""


def _fill(text: str, package: str, version: str, source: str, maintainer: str) -> bytes:
    return text.format(package=package, version=version, source=source, maintainer=maintainer, blank=" ").encode()


def passing(package: str, version: str, *, source: str = "", maintainer: str = "A Person <a@example.org>") -> bytes:
    """A log of a test that went well."""
    return _fill(_HEADER + _PASS, package, version, source or package, maintainer)


def failing(package: str, version: str, *, source: str = "", maintainer: str = "A Person <a@example.org>") -> bytes:
    """A log of a package that leaves files behind, or of one whose script fails."""
    body = _LEFTOVERS if len(package) % 2 else _SCRIPT_FAILS
    return _fill(_HEADER + body, package, version, source or package, maintainer)


def untestable(package: str, version: str) -> bytes:
    """A log of a package that was gone when the slave came to it."""
    return _fill(_UNTESTABLE, package, version, package, "")


def hostile(package: str, version: str) -> bytes:
    """A failing log whose output tries to take over the page."""
    header = _fill(_HEADER, package, version, package, "M")
    marker = f"0m4.0s ERROR: FAIL: {HOSTILE_MARK}\x1b[1m\n".encode()
    return header + HOSTILE + marker + HOSTILE + b"0m4.7s ERROR: piuparts run ends.\n"


def long(package: str, version: str, *, lines: int) -> bytes:
    """A failing log with its first error far from both ends."""
    noise = [f"  Unpacking chunk {number} of {package} ...\n" for number in range(lines)]
    noise[lines // 2] = "0m9.9s ERROR: FAIL: Processes are running inside chroot:\n"
    return _fill(_HEADER, package, version, package, "M") + "".join(noise).encode() + b"\nret=1\n"
