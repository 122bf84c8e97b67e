"""From one suite to the next: new sources, apt's dist-upgrade, and the packages under test along with it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from piufarm.slave.tester.checks import run_checks
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.scripts.running import run_scripts
from piufarm.slave.tester.steps.installing import install_names_with_scripts
from piufarm.slave.tester.steps.known import known_names
from piufarm.slave.tester.upgrades.suites import Suite, state_of

SOURCES: Final = "/etc/apt/sources.list"
_LISTS: Final = "/var/lib/apt/lists/"
_RELEASES: Final = ("_InRelease", "_Release")


def upgrade_to(examination: Examination, suite: Suite, *, tracked: Sequence[str] = (), upgrade_first: bool) -> None:
    """Bring the chroot to a suite; the `tracked` packages that it has are installed as it has them.

    `upgrade_first`: apt-get upgrade comes before dist-upgrade. Raises TestEnded.
    """
    examination.set_out_for(suite.name)
    examination.put(SOURCES, suite.sources.encode())
    run_scripts(examination, "pre_distupgrade")
    update_lists(examination)
    if upgrade_first:
        examination.execute("apt-get", "-y", "upgrade", network=True)
    examination.execute("apt-get", "-yf", "dist-upgrade", network=True)
    note_archive_state(examination)
    examination.arrive(suite.target_release)
    if tracked:
        install_names_with_scripts(examination, known_names(examination, tracked))
    run_scripts(examination, "post_distupgrade")
    run_checks(examination, Moment.BETWEEN_SUITES)


def update_lists(examination: Examination) -> None:
    """Fetch apt's lists, as often as --update-retries says. Raises TestEnded, FarmError."""
    command = ("apt-get", "-o", "APT::Update::Error-Mode=any", "update")
    for _ in range(examination.options.root.update_retries):
        if examination.execute(*command, network=True, may_fail=True).status == 0:
            return
    examination.execute(*command, network=True)


def note_archive_state(examination: Examination) -> None:
    """Remember what the archives had when the lists were fetched that apt uses now."""
    files = [
        path for path, _ in examination.tree().items()
        if path.startswith(_LISTS) and path.endswith(_RELEASES) and "_dists_" in path
    ]
    contents = [examination.chroot.read(path) for path in files]
    state = state_of(hashlib.sha256(content or b"").hexdigest() for content in contents)
    examination.available_history += (state,)
