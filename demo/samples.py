"""The small packages of the demo's own archive: one that passes, one for each common way to fail, some that wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from demo.debs import DebSpec, Member

SUITE: Final = "samples"


def _described(summary: str, spec: DebSpec) -> DebSpec:
    """The package with a README and a description that say what is wrong with it."""
    return replace(
        spec,
        files={f"/usr/share/doc/{spec.name}/README": f"{summary}\n", **spec.files},
        fields={"Description": f"{summary}\n Part of the farm's demonstration archive."},
    )


UPDATED: Final = "demo-updated"  # its version in the archive changes between reservation and test


def samples() -> Sequence[DebSpec]:
    """The archive as the master sees it."""
    noisy = Member("#!/bin/sh\necho a cron job of a removed package\n", mode=0o755)
    specs = {
        "Installs, upgrades and goes away cleanly": DebSpec("demo-good"),
        "Clean, too, and tested after the package that it depends on": DebSpec("demo-needs-good", depends="demo-good"),
        "Leaves a file of its own behind after purge": DebSpec(
            "demo-leaves-file",
            scripts={"postinst": "mkdir -p /var/lib/demo-leaves-file\ndate > /var/lib/demo-leaves-file/installed-at"},
        ),
        "Cannot be judged: its dependency failed": DebSpec(
            "demo-needs-leaves-file", depends="demo-leaves-file, demo-good"
        ),
        "Edits a configuration file that is not its own": DebSpec(
            "demo-changes-file", scripts={"postinst": "echo '# demo' >> /etc/profile"}
        ),
        "Removes a file that belongs to another package": DebSpec(
            "demo-removes-file", scripts={"postrm": "rm -f /etc/issue.net"}
        ),
        "Leaves a process running after it is gone": DebSpec(
            "demo-leaves-daemon", scripts={"postinst": "sleep 3600 </dev/null >/dev/null 2>&1 &"}
        ),
        "Cannot be configured": DebSpec(
            "demo-postinst-fails", scripts={"postinst": "echo no luck today >&2\nexit 1"}
        ),
        "Cannot be purged": DebSpec(
            "demo-postrm-fails", scripts={"postrm": 'if [ "$1" = purge ]; then echo cannot let go >&2; exit 3; fi'}
        ),
        "Changes a file that it ships, so that its checksum no longer fits": DebSpec(
            "demo-changes-own-file",
            files={"/usr/share/demo-changes-own-file/data": "as shipped\n"},
            scripts={"postinst": "echo changed > /usr/share/demo-changes-own-file/data"},
        ),
        "Diverts a file and never removes the diversion": DebSpec(
            "demo-leaves-diversion",
            scripts={"preinst": "dpkg-divert --package demo-leaves-diversion --add --no-rename /usr/bin/demo-diverted"},
        ),
        "Its cron job is not silent after removal": DebSpec(
            "demo-noisy-cron",
            files={"/etc/cron.daily/demo-noisy-cron": noisy},
            conffiles=("/etc/cron.daily/demo-noisy-cron",),
        ),
        "Ships a file of another package without saying so": DebSpec(
            "demo-takes-file", files={"/etc/debian_version": "demo\n"}
        ),
        "Ships a symbolic link to nowhere: a warning, but no failure": DebSpec(
            "demo-broken-link", symlinks={"/usr/share/demo-broken-link/current": "release-1"}
        ),
        "Depends on a package that does not exist": DebSpec(
            "demo-needs-nothing-there", depends="demo-there-is-no-such"
        ),
        "Is replaced in the archive after it was reserved: untestable": DebSpec(UPDATED),
    }
    return tuple(_described(summary, spec) for summary, spec in specs.items())


def updated_samples() -> Sequence[DebSpec]:
    """The archive a moment later: one package has a new version."""
    return tuple(replace(spec, version="2") if spec.name == UPDATED else spec for spec in samples())
