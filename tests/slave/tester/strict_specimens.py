"""Packages with faults that the predecessor does not look at, and harmless twins that do the same and clean up."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from demo.debs import DebSpec, Member
from tests.slave.tester.specimens import Specimen, deb

_SETCAP: Final = Member(Path("/usr/sbin/setcap").read_bytes(), mode=0o755)
_SHOUT: Final = "tr a-z A-Z < /etc/motd > /etc/motd.new; cat /etc/motd.new > /etc/motd; rm /etc/motd.new"
_AWK: Final = "update-alternatives --install /usr/bin/awk awk"
_WANTS: Final = "/etc/systemd/system/multi-user.target.wants"
_TIDY: Final = f"rmdir --ignore-fail-on-non-empty {_WANTS}"  # some bases have it, some do not


def _on_purge(commands: str) -> str:
    return f'if [ "$1" = purge ]; then {commands}; fi'


def _unit(program: str, condition: str = "") -> str:
    return f"[Unit]\nDescription=x\n{condition}\n[Service]\nExecStart={program} --serve\n"


def _bad_unit() -> DebSpec:
    return deb(
        "s-unit",
        files={"/etc/systemd/system/s-unit.service": _unit("/usr/share/s-unit/daemon")},
        conffiles=["/etc/systemd/system/s-unit.service"],
        postinst=f"mkdir -p {_WANTS}; ln -s ../s-unit.service {_WANTS}/",
        postrm=_on_purge(f"rm -f {_WANTS}/s-unit.service; {_TIDY}"),
    )


def _good_unit() -> DebSpec:
    unit = _unit("/usr/share/t-unit/daemon", "ConditionFileIsExecutable=/usr/share/t-unit/daemon")
    return deb(
        "t-unit",
        files={"/etc/systemd/system/t-unit.service": unit},
        conffiles=["/etc/systemd/system/t-unit.service"],
        postinst=f"mkdir -p {_WANTS}; ln -s ../t-unit.service {_WANTS}/",
        postrm=_on_purge(f"rm -f {_WANTS}/t-unit.service; {_TIDY}"),
    )


_BAD: Final = (
    deb("s-link", postinst="ln -s /usr/share/doc /etc/s-link"),
    deb("s-edit", postinst=_SHOUT),
    deb("s-hidden", postinst="echo x > /var/tmp/s-hidden"),
    deb("s-people", postinst="useradd -M -u 1500 s-person; usermod -s /bin/sh -a -G tape games"),
    deb("s-choice", files={"/usr/share/s-choice/awk": "x"}, postinst=f"{_AWK} /usr/share/s-choice/awk 1"),
    deb(
        "s-cap",
        files={"/usr/share/s-cap/setcap": _SETCAP},
        postinst="/usr/share/s-cap/setcap cap_net_raw+ep /usr/bin/env",
    ),
    deb(
        "s-table",
        files={"/etc/cron.d/s-table": "PATH=/usr/bin\n*/5 * * * * root /usr/share/s-table/gone\n"},
        conffiles=["/etc/cron.d/s-table"],
    ),
    _bad_unit(),
)
_TWINS: Final = (
    deb("t-link", postinst="ln -s /usr/share/doc /etc/t-link", postrm="rm -f /etc/t-link"),
    deb(
        "t-edit",
        postinst=f"cp -a /etc/motd /var/backups/; {_SHOUT}",
        postrm=_on_purge("cp -a /var/backups/motd /etc/motd"),
    ),
    deb("t-hidden", postinst="echo x > /var/tmp/t-hidden; echo x > /run/t-hidden", postrm="rm -f /var/tmp/t-hidden"),
    deb("t-people", postinst="useradd -r -M t-system; usermod -a -G tape t-system"),
    deb(
        "t-choice",
        files={"/usr/share/t-choice/awk": "x"},
        postinst=f"{_AWK} /usr/share/t-choice/awk 1",
        prerm="update-alternatives --remove awk /usr/share/t-choice/awk",
    ),
    deb(
        "t-cap",
        files={"/usr/share/t-cap/setcap": _SETCAP},
        postinst="/usr/share/t-cap/setcap cap_net_raw+ep /usr/share/t-cap/data; "
        "/usr/share/t-cap/setcap cap_net_raw+ep /usr/bin/env",
        prerm="/usr/share/t-cap/setcap -r /usr/bin/env",
    ),
    deb(
        "t-table",
        files={
            "/etc/cron.d/t-table": "*/5 * * * * root test ! -x /usr/share/t-table/gone || /usr/share/t-table/gone\n"
            "@daily nobody [ $(id -un) = nobody ] || echo no; printf '\\%s' ''\n@daily nonesuch echo never run\n"
        },
        conffiles=["/etc/cron.d/t-table"],
    ),
    _good_unit(),
)

FAULTS: Final = Specimen(
    "faults that are not looked at",
    _BAD,
    passes=False,
    says=(
        "FAIL: Package purging left files on system:",
        "  /etc/s-link -> /usr/share/doc\t not owned",
        "  /var/tmp/s-hidden\t not owned",
        "FAIL: After purging files have another content of the same size:",
        "  /etc/motd\t not owned",
        "FAIL: Package purging left users or groups for people on system:",
        "  user s-person (1500)",
        "  group s-person (1500)",
        "FAIL: After purging users or groups have been changed:",
        "  user games: shell /usr/sbin/nologin -> /bin/sh",
        "  group tape: games is a member now",
        "FAIL: After purging alternatives have been changed:",
        "  awk: with /usr/share/s-choice/awk",
        "FAIL: After purging files have other capabilities or extended attributes:",
        "  /usr/bin/env: security.capability is new",
        "FAIL: Cron table /etc/cron.d/s-table has output with package removed",
        "  root: /usr/share/s-table/gone",
        "FAIL: Services are still enabled with their package removed:",
        "  /etc/systemd/system/s-unit.service would start /usr/share/s-unit/daemon",
    ),
    is_strict=True,
)
TWINS: Final = Specimen(
    "the same without fault",
    _TWINS,
    passes=True,
    says=("Users and groups that packages made are still there, as policy allows:", "PASS: All tests."),
    is_strict=True,
)
