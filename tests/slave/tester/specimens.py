"""Small packages, each made to show one thing to the tester, and how they are to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo.debs import DebSpec, Member

_SCRIPTS: Final = Path(__file__).with_name("scripts")  # custom ones
WRONG_MD5: Final = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Specimen:
    """Packages that are tested together. `apt` names them for apt; otherwise the files of `debs` are tested."""

    name: str
    debs: Sequence[DebSpec]
    passes: bool
    says: Sequence[str] = ()  # lines that the log holds, without time and level
    begins: Sequence[str] = ()  # beginnings of such lines
    options: Sequence[str] = ()
    apt: Sequence[str] = ()
    is_strict: bool = False  # judged by more than the predecessor looks at
    upgrades: bool = False  # tested with the upgrade from the archive's version, too


def deb(
    name: str, *, preinst: str = "", postinst: str = "", postrm: str = "", prerm: str = "", **details: object
) -> DebSpec:
    """A package with a file of its own, and scripts."""
    given = {"preinst": preinst, "postinst": postinst, "postrm": postrm, "prerm": prerm}
    scripts = {name: text for name, text in given.items() if text}
    files = {f"/usr/share/{name}/data": "data\n", **details.pop("files", {})}  # type: ignore[dict-item]
    return DebSpec(name, files=files, scripts=scripts, **details)  # type: ignore[arg-type]


def _job(text: str) -> Member:
    return Member(f"#!/bin/sh\n{text}\n", mode=0o755)


# What logrotate needs to be for these tests; the real one would bring cron and a mail server's names along.
LOGROTATE: Final = deb(
    "logrotate", files={"/usr/sbin/logrotate": _job('if grep -q "^ *bogus" "$1"; then echo "error: bogus"; exit 1; fi')}
)
HELPER: Final = deb("p-helper", files={"/etc/p-helper.conf": "a\n"}, conffiles=["/etc/p-helper.conf"])
BROKEN_HELPER: Final = deb("p-broken-helper", postinst="echo no thanks; exit 7")
USER: Final = deb("p-user", depends="p-helper", files={"/etc/p-user": "x\n"}, conffiles=["/etc/p-user"])
BROKEN_USER: Final = deb("p-broken-user", depends="p-broken-helper")
DATABASES: Final = (
    deb("dbconfig-common"), deb("dbconfig-mysql"), deb("dbconfig-sqlite3"),
    deb("default-mysql-client"), deb("default-mysql-server"), deb("postgresql"),
)  # fmt: skip


def runs(server: str) -> str:
    """What a client of such a database finds out by connecting to it: whether it runs."""
    return f"test -e /usr/share/{server}/data"


ASKS: Final = deb("p-asks", files={"/etc/p-asks": "1\n"}, conffiles=["/etc/p-asks"], postinst="echo >> /etc/p-asks")
KEEPS: Final = deb("p-keeps", files={"/etc/p-keeps": "1\n"}, conffiles=["/etc/p-keeps"])
WEB: Final = deb("p-web", depends="dbconfig-mysql | dbconfig-no-thanks", postinst=runs("default-mysql-server"))
UPGRADED: Final = deb("p-upgraded")
CYCLE_HELPER: Final = deb("p-cycle-helper", depends="p-cycle (>= 2)")
LATE_HELPER: Final = deb("p-late-helper", postrm='[ "$1" != purge ] || touch /var/lib/p-late')
ARCHIVE: Final = (
    LOGROTATE, HELPER, BROKEN_HELPER, LATE_HELPER, USER, BROKEN_USER, UPGRADED, CYCLE_HELPER, *DATABASES, WEB, ASKS,
    KEEPS,
)  # fmt: skip

_TIDY: Final = deb(
    "p-tidy",
    files={"/etc/p-tidy.conf": "x\n", "/usr/lib/p-tidy/x": "x"},
    conffiles=["/etc/p-tidy.conf"],
    directories={"/var/lib/p-tidy": 0o755},
    postinst="echo state > /var/lib/p-tidy/state; echo y >> /etc/p-tidy.generated",
    postrm='if [ "$1" = purge ]; then rm -rf /var/lib/p-tidy /etc/p-tidy.generated; fi',
)
_DIVERTER: Final = deb(
    "p-diverter",
    postinst="dpkg-divert --package p-diverter --divert /usr/bin/yes.real --rename --add /usr/bin/yes",
    prerm='if [ "$1" = remove ]; then '
    "dpkg-divert --package p-diverter --divert /usr/bin/yes.real --rename --remove /usr/bin/yes; fi",
)
_GOOD_LINKS: Final = deb("p-links", symlinks={"/usr/share/p-links/l": "data", "/usr/share/p-links/up": "/usr/share"})
_GOOD_CRON: Final = deb(
    "p-cron",
    files={"/etc/cron.daily/p-cron": _job("test -x /usr/bin/p-cron || exit 0"), "/etc/cron.d/p-cron": "# nothing\n"},
    conffiles=["/etc/cron.daily/p-cron", "/etc/cron.d/p-cron"],
)
_GOOD_LOGROTATE: Final = deb(
    "p-logrotate", files={"/etc/logrotate.d/p-logrotate": "weekly\n"}, conffiles=["/etc/logrotate.d/p-logrotate"]
)
_GOOD_DAEMON: Final = deb("p-daemon", postinst="sleep 1000 > /dev/null 2>&1 & kill $!; wait $! || true")
_CHATTY: Final = deb("p-chatty", postinst="yes chatter | head -c 500000")
_REPLACED: Final = deb("p-replaced", files={"/usr/share/p-common/x": "old\n"})
_REPLACER: Final = deb(
    "p-replacer",
    depends="p-replaced",
    files={"/usr/share/p-common/x": "new\n"},
    fields={"Replaces": "p-replaced"},
)

_LEAVER: Final = deb(
    "f-leaver",
    directories={"/usr/share/f-shared": 0o755},
    postinst="""
mkdir -p /etc/f-leaver.d; echo a > /etc/f-leaver.d/file; chown -h 1234:1234 /etc/f-leaver.d/file
ln -s /nonexistent /usr/share/f-leaver-link; ln -s /usr/share/doc /usr/share/f-leaver-doc
ln -s /etc/f-leaver.d /etc/f-leaver-dir
echo generated > /usr/share/f-shared/generated
mkdir -p /usr/local/share/f-leaver; mkdir -p /var/tmp/f-leaver /tmp/f-leaver /usr/share/f/run/x
ln -s x /etc/alternatives/f-leaver
sed -i 1,3d /var/lib/dpkg/diversions
dpkg-divert --local --no-rename --add /usr/bin/f-leaver
for l in /etc/rcS.d/S*; do [ ! -e "$l" ] || mv "$l" "/etc/rcS.d/K77${l#/etc/rcS.d/S??}"; done
""",
)
_LEAVER_2: Final = deb("f-leaver2", directories={"/usr/share/f-shared": 0o755})
_CHANGER: Final = deb(
    "f-changer",
    postinst="""
chmod 600 /etc/host.conf; chown daemon:bin /etc/networks 2>/dev/null || chown daemon:bin /etc/host.conf
echo /bin/nosh >> /etc/shells; rm -f /etc/pam.d/common-password; rmdir /srv; mv /home /home2
rm -rf /etc/opt; ln -s /nowhere /etc/opt
""",
)
_DAMAGER: Final = deb(
    "f-damager", postinst="echo more >> /etc/issue; rm /etc/debian_version /usr/share/base-files/profile"
)
_BAD_SUMS: Final = deb(
    "f-sums",
    files={"/usr/share/f-sums/a": "a\n", "/usr/share/f-sums/b": "b\n", "/etc/f-sums": "c\n"},
    conffiles=["/etc/f-sums"],
    postinst="echo more >> /usr/share/f-sums/a; rm /usr/share/f-sums/b; echo more >> /etc/f-sums",
)
_WRONG_SUMS: Final = deb(
    "f-wrongsums", md5sums=False, control_files={"md5sums": f"{WRONG_MD5}  usr/share/f-wrongsums/data\n"}
)
_LINKED_DIRECTORY: Final = deb(
    "f-linked", files={"/usr/share/f-dir/a": "a\n"}, symlinks={"/usr/share/f-link": "f-dir"}
)
_OVER_LINK: Final = deb("f-over", depends="f-linked", files={"/usr/share/f-link/b": "b\n"})
_OVERWRITER: Final = deb("f-overwriter", depends="f-linked", files={"/usr/share/f-link/a": "other\n"})
_DAEMON: Final = deb("f-daemon", postinst="setsid sleep 1000 < /dev/null > /dev/null 2>&1 &")
_CRON: Final = deb(
    "f-cron", files={"/etc/cron.daily/f-cron": _job("echo still here")}, conffiles=["/etc/cron.daily/f-cron"]
)
_FAILING_CRON: Final = deb(
    "f-cron", files={"/etc/cron.weekly/f-cron": _job("/usr/share/f-cron/gone")}, conffiles=["/etc/cron.weekly/f-cron"]
)
_LOGROTATE: Final = deb(
    "f-logrotate", files={"/etc/logrotate.d/f-logrotate": "bogus\n"}, conffiles=["/etc/logrotate.d/f-logrotate"]
)
_LINKS: Final = deb(
    "f-links", symlinks={"/usr/share/f-links/l": "/nonexistent/foo", "/usr/share/f-links/loop": "loop"}
)
_FLOOD: Final = deb("f-flood", postinst="yes flood")
_TZDATA: Final = deb(
    "tzdata", version="9999", fields={"Priority": "required"}, files={"/usr/share/zoneinfo/Etc/UTC": "x\n"}
)

PASS: Final = ("PASS: Installation and purging test.", "PASS: All tests.", "piuparts run ends.")
FAIL: Final = ("FAIL: Installation and purging test.", "piuparts run ends.")

SPECIMENS: Final = (
    Specimen(
        "well-behaved",
        (_TIDY, _DIVERTER, _GOOD_LINKS, _GOOD_CRON, _GOOD_LOGROTATE, _GOOD_DAEMON, _CHATTY, _REPLACED, _REPLACER),
        passes=True,
        says=(
            "Package p-cron contains cron file: /etc/cron.daily/p-cron",
            "Package p-logrotate contains logrotate file: /etc/logrotate.d/p-logrotate",
            *PASS,
        ),
        options=("--max-command-output-size", "1"),
    ),
    Specimen("by name", (), passes=True, says=PASS, apt=("p-user=1",)),
    Specimen(
        "leaves files",
        (_LEAVER, _LEAVER_2),
        passes=False,
        says=(
            "FAIL: Package purging left files on system:",
            "  /usr/share/f-shared/\t owned by: f-leaver, f-leaver2",
            "  /usr/share/f-shared/generated\t not owned",
            "  /usr/share/f-leaver-link -> /nonexistent\t not owned",
            "FAIL: Installed diversions (dpkg-divert) not removed by purge:",
            "FAIL: Existing diversions (dpkg-divert) removed/modified:",
            *FAIL,
        ),
    ),
    Specimen(
        "changes the base",
        (_CHANGER,),
        passes=False,
        says=(
            "FAIL: After purging files have disappeared:",
            "  /etc/pam.d/common-password\t not owned",
            "FAIL: After purging files have been modified:",
            "  /etc/host.conf\t owned by: base-files",
            *FAIL,
        ),
    ),
    Specimen(
        "damages other packages",
        (_DAMAGER,),
        passes=False,
        says=(
            "FAIL: debsums reports modifications inside the chroot:",
            "  debsums: missing file /etc/debian_version (from base-files package)",
            "  /etc/issue",
            "piuparts run ends.",
        ),
    ),
    Specimen(
        "damages itself",
        (_BAD_SUMS, _WRONG_SUMS),
        passes=False,
        says=(
            "FAIL: debsums reports modifications inside the chroot:",
            "  debsums: missing file /usr/share/f-sums/b (from f-sums package)",
            "  /usr/share/f-sums/a",
            "  /etc/f-sums",
            "  /usr/share/f-wrongsums/data",
        ),
    ),
    Specimen(
        "installs over a link",
        (_LINKED_DIRECTORY, _OVER_LINK),
        passes=False,
        says=(
            "installs objects over existing directory symlinks:",
            "  /usr/share/f-link/b (f-over) != /usr/share/f-dir/b (?)",
            "    /usr/share/f-link -> f-dir",
        ),
    ),
    Specimen(
        "overwrites by a link",
        (_LINKED_DIRECTORY, _OVERWRITER),
        passes=False,
        says=(
            "FAIL: silently overwrites files via directory symlinks:",
            "  /usr/share/f-link/a (f-overwriter) != /usr/share/f-dir/a (f-linked)",
        ),
    ),
    Specimen("leaves a daemon", (_DAEMON,), passes=False, says=("FAIL: Processes are running inside chroot:",)),
    Specimen(
        "cron job prints",
        (_CRON,),
        passes=False,
        says=("FAIL: Cron file /etc/cron.daily/f-cron has output with package removed",),
    ),
    Specimen(
        "cron job fails",
        (_FAILING_CRON,),
        passes=False,
        says=("Command failed (status=127): ['chroot', 'ROOT', '/etc/cron.weekly/f-cron']",),
    ),
    Specimen(
        "logrotate fails",
        (_LOGROTATE,),
        passes=False,
        says=(
            "Command failed (status=1): ['chroot', 'ROOT', '/usr/sbin/logrotate', '/etc/logrotate.d/f-logrotate']",
        ),
    ),
    Specimen(
        "broken links",
        (_LINKS,),
        passes=True,
        says=(
            "WARN: Broken symlinks:",
            "  /usr/share/f-links/l -> /nonexistent/foo (f-links)",
            "ELOOP: Too many symbolic links in '/usr/share/f-links/loop'",
            *PASS,
        ),
    ),
    Specimen(
        "broken links fail",
        (_LINKS,),
        passes=False,
        says=("FAIL: Broken symlinks:", "piuparts run ends."),
        options=("--fail-on-broken-symlinks",),
    ),
    Specimen(
        "floods the log",
        (_FLOOD,),
        passes=False,
        says=(
            "Terminating command due to excessive output",
            "  ***** Command was terminated after exceeding output limit (1.00 MB) *****",
        ),
        options=("--max-command-output-size", "1"),
    ),
    Specimen(
        "postinst fails",
        (deb("f-postinst", postinst="echo failing; exit 3"),),
        passes=False,
        says=("Command failed (status=100): ['chroot', 'ROOT', 'apt-get', '-y', '--allow-downgrades', 'install', "
              "'./tmp/f-postinst_1_all.deb']", "piuparts run ends."),
    ),
    Specimen(
        "postrm fails",
        (deb("f-postrm", postrm='test "$1" != purge'),),
        passes=False,
        says=("Command failed (status=1): ['chroot', 'ROOT', 'dpkg', '--purge', 'f-postrm']",),
    ),
    Specimen(
        "prerm fails",
        (deb("f-prerm", prerm="exit 9"),),
        passes=False,
        says=("Command failed (status=100): ['chroot', 'ROOT', 'apt-get', 'remove', 'f-prerm']",),
    ),
    Specimen("unknown package", (), passes=False, says=("  E: Unable to locate package f-nobody",), apt=("f-nobody",)),
    Specimen(
        "unknown version",
        (),
        passes=False,
        says=("  E: Version '77' for 'p-user' was not found",),
        apt=("p-user=77",),
    ),
    Specimen(
        "dependency fails",
        (),
        passes=False,
        says=("  E: Sub-process /usr/bin/dpkg returned an error code (1)",),
        apt=("p-broken-user",),
    ),
    Specimen(
        "dependency missing",
        (deb("f-needy", depends="nothing-like-this"),),
        passes=False,
        says=("   f-needy : Depends: nothing-like-this but it is not installable",),
    ),
    Specimen(
        "file conflict",
        (deb("f-one", files={"/usr/share/f-same": "1\n"}), deb("f-two", files={"/usr/share/f-same": "2\n"})),
        passes=False,
        # the releases of dpkg write the version that follows differently
        begins=("   trying to overwrite '/usr/share/f-same', which is also in package f-one ",),
    ),
    Specimen(
        "everything excused",
        (_LEAVER, _BAD_SUMS, _LINKED_DIRECTORY, _OVER_LINK, _CRON, _LOGROTATE),
        passes=True,
        says=(
            "Warning: Package purging left files on system:",
            "FAIL: debsums reports modifications inside the chroot:",
            *PASS,
        ),
        options=(
            "--warn-on-leftovers-after-purge", "--warn-on-debsums-errors", "--warn-on-install-over-symlink",
            "--no-diversions", "--skip-cronfiles-test", "--skip-logrotatefiles-test", "-N",
        ),
    ),
    Specimen(
        "everything ignored",
        (_LEAVER,),
        passes=True,
        says=("IGNORED PATH@2: /usr/share/f-shared/generated", *PASS),
        options=(
            "-i", "/usr/share/f-leaver-link", "-I", "^/(etc|var)/.*", "-i", ":/usr/share/f-shared/generated",
            "-i", "/usr/share/f-shared/", "-I", ":/usr/local/.*", "-I", "/usr/share/f/.*", "--no-diversions",
        ),
    ),
    Specimen(
        "nothing ignored",
        (_TIDY,),
        passes=False,
        says=("  /var/log/dpkg.log\t not owned",),
        options=("-n", "--pedantic-purge-test", "-I", "^/(var/(lib/(dpkg|apt)|cache|log/apt)|etc|dev)/.*"),
    ),
    Specimen("replaces a base package", (_TZDATA,), passes=True, says=PASS),
    Specimen(
        "inadequate",
        (deb("f-inadequate", symlinks={"/usr/share/f-inadequate/l": "/nowhere"}),),
        passes=False,
        says=(
            "FAIL: Inadequate results from running adequate!",
            "  f-inadequate: missing-copyright-file /usr/share/doc/f-inadequate/copyright",
            "FAIL: Running adequate resulted in inadequate tags found:  missing-copyright-file ",
            "FAIL: Running adequate resulted in less interesting tags found:  broken-symlink ",
        ),
        options=("--fail-if-inadequate",),
    ),
    Specimen(
        "adequate",
        (deb("p-adequate", files={"/usr/share/doc/p-adequate/copyright": "free\n"}),),
        passes=True,
        says=PASS,
        options=("--fail-if-inadequate",),
    ),
    Specimen(
        "custom scripts",
        (deb("s-one"),),
        passes=True,
        says=("Running scripts post_chroot_unpack", "Running scripts post_test", *PASS),
        options=("--scriptsdir", f"{_SCRIPTS}/failing", "--scriptsdir", f"{_SCRIPTS}/speaking"),
    ),
    Specimen(
        "a custom script fails",
        (deb("s-one"),),
        passes=False,
        says=("Command failed (status=3): ['chroot', 'ROOT', 'tmp/scripts/pre_remove_object']", "  no thanks"),
        options=("--scriptsdir", f"{_SCRIPTS}/failing"),
    ),
    Specimen(
        "left out by a custom script",
        (deb("s-one"), deb("s-two")),
        passes=True,
        says=("SKIP: All tests. Package cannot be tested with piuparts: s-one=1 s-two=1.", *PASS[1:]),
        options=("--scriptsdir", f"{_SCRIPTS}/skipping"),
    ),
    Specimen(
        "refused by a custom script",
        (deb("s-one"),),
        passes=False,
        says=("FAIL: All tests. Package cannot be tested with piuparts: s-one=1.", "piuparts run ends."),
        options=("--scriptsdir", f"{_SCRIPTS}/refusing"),
    ),
)  # fmt: skip
