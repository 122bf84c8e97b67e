"""Back to the packages of the reference: all others are removed and purged, with a look at the chroot in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from piufarm.slave.chroot.interface import Refused
from piufarm.slave.tester.checks import run_checks
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.scripts.running import run_scripts
from piufarm.slave.tester.state.packages import Restoration, restoration
from piufarm.slave.tester.state.reference import OUTDATED
from piufarm.slave.tester.steps.installing import unmistakable

_WITHOUT_ARCHIVE: Final = "/tmp/piufarm-apt.conf"
_WITHOUT_ARCHIVE_CONF: Final = (
    b'Dir::Etc::SourceList "/dev/null";\nDir::Etc::SourceParts "/dev/null";\n'
    b'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n'  # in memory: the caches on disk stay valid
)


def note_owners(examination: Examination) -> None:
    """Remember whose file each path is while the packages are there to be asked."""
    examination.earlier_lists, examination.lists = examination.lists, examination.present_lists()


def tear_down(examination: Examination) -> None:
    """Remove and purge what the reference does not have, bring back what it has. Raises TestEnded."""
    if examination.available_history != examination.reference.available_history:
        examination.log.warning(OUTDATED)
    with examination.timed("check installed"):
        run_checks(examination, Moment.BEFORE_REMOVAL)
    take_away(examination, _check_removed)


def _check_removed(examination: Examination) -> None:
    with examination.timed("check removed"):
        run_checks(examination, Moment.REMOVED)


def _no_look(_: Examination) -> None:
    """For tests that have changed the chroot themselves."""


def take_away(examination: Examination, look: Callable[[Examination], None] = _no_look) -> None:
    """The same with another look at the chroot between removing and purging, or none. Raises TestEnded."""
    run_scripts(examination, "pre_remove")
    with examination.timed("remove"):
        _go_back(examination)
    run_scripts(examination, "post_remove")
    look(examination)
    with examination.timed("purge"):
        _purge(examination)
        run_scripts(examination, "post_purge")
        _finish_pending(examination)


def _go_back(examination: Examination) -> None:
    """Bring the packages of the reference back and remove all others, configuration files excepted."""
    plan = restoration(examination.reference.packages, examination.packages(), last=examination.own_names())
    if plan.install:
        _restore(examination, plan)
    elif plan.remove:
        _remove(examination, plan.remove)


def _remove(examination: Examination, names: Iterable[str]) -> None:
    """Nothing is installed here, so apt need not look at what the archive has: that costs it ten times as long."""
    environment = {"APT_CONFIG": _WITHOUT_ARCHIVE}
    try:
        examination.put(_WITHOUT_ARCHIVE, _WITHOUT_ARCHIVE_CONF)
    except Refused:  # a package can fill the disk, or put a directory there: then apt has to take its time
        environment = {}
    examination.execute("apt-get", "remove", *map(unmistakable, names), environment=environment)
    examination.remove(_WITHOUT_ARCHIVE)


def _restore(examination: Examination, plan: Restoration) -> None:
    versions = [f"{name}={version}" for name, version in plan.install.items()]
    removals = [f"{name}-" for name in plan.remove]
    forced = ("--allow-downgrades", "--allow-remove-essential", "--allow-change-held-packages")
    command = ("apt-get", "-y", "--no-install-recommends", *forced, "install")
    examination.execute(*command, *versions, *removals, network=True)
    # once more: a package that replaced files of another one takes them along when it goes
    examination.execute(*command, "--reinstall", *versions, network=True)


def _purge(examination: Examination) -> None:
    """Purge everything that the reference does not have; dpkg is not called where nothing is left to do."""
    own = set(examination.own_names())
    left = [
        name for name, package in examination.packages().items()
        if name not in examination.reference.packages and package.status != "not-installed"
    ]
    for names in ([name for name in left if name not in own], [name for name in left if name in own]):
        if names:
            examination.execute("dpkg", "--purge", *names)


def _finish_pending(examination: Examination) -> None:
    """Let dpkg act on selections that earlier commands have left."""
    if any(package.is_pending for package in examination.packages().values()):
        examination.execute("dpkg", "--purge", "--pending")
        examination.execute("dpkg", "--remove", "--pending")


def check_purged(examination: Examination) -> None:
    """The last look: compare the chroot with the reference."""
    run_scripts(examination, "post_test")
    run_checks(examination, Moment.PURGED)
    run_checks(examination, Moment.COMPARED)
