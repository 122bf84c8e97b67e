"""The install and purge test, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import Refused
from piufarm.slave.tester.checks import run_checks
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.owners import INFO, parse_list
from piufarm.slave.tester.packages import Restoration, restoration

_WITHOUT_ARCHIVE: Final = "/tmp/piufarm-apt.conf"
_WITHOUT_ARCHIVE_CONF: Final = (
    b'Dir::Etc::SourceList "/dev/null";\nDir::Etc::SourceParts "/dev/null";\n'
    b'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n'  # in memory: the caches on disk stay valid
)


@dataclass(frozen=True)
class Phase:
    """A step of a test; its name stands beside its duration in the result."""

    name: str
    run: Callable[[Examination], None]


def install(examination: Examination) -> None:
    """Install the packages of the group, from files or from the archive."""
    examination.set_variables(PIUPARTS_TEST="install", PIUPARTS_PHASE="install")
    release = ("-t", target) if (target := examination.target_release) else ()
    if examination.group.debs:
        _install_files(examination, release)
    else:
        names = [package.wanted for package in examination.group.packages if not package.disappears]
        if names:
            examination.execute("apt-get", "-y", *release, "install", *names, network=True)
    examination.installed = examination.query_packages()
    _require_installed(examination)


def _install_files(examination: Examination, release: Iterable[str]) -> None:
    files = {f"./tmp/{deb.name}": deb for deb in examination.group.debs}
    for place, deb in files.items():
        with deb.open("rb") as content:
            examination.put(place[1:], content)
    examination.execute("apt-get", "-y", "--allow-downgrades", *release, "install", *files, network=True)
    for place in files:
        examination.remove(place[1:])


def _require_installed(examination: Examination) -> None:
    """A file can be "installed" without being so, say because another one of the group conflicts with it."""
    if not examination.group.debs:
        return
    present = {package.plain_name for package in examination.installed.values() if package.is_installed}
    missing = [name for name in examination.own_names() if name not in present]
    for name in missing:
        text = f"Installation of {name} failed"
        examination.report(Finding("installation", Severity.ERROR, text, owners=(name,)))
    if missing:
        text = f"Could not install {' '.join(missing)}."
        examination.report(Finding("installation", Severity.ERROR, text), ends_the_test=True)
    listed = ", ".join(f"'./tmp/{deb.name}'" for deb in examination.group.debs)
    examination.log.info(f"Installation of [{listed}] ok")


def note_owners(examination: Examination) -> None:
    """Remember whose file each path is while the packages are there to be asked."""
    changes = examination.tree().changes
    lists = {
        path.removeprefix(INFO).removesuffix(".list"): _file_list(examination, path)
        for path in changes.before.keys() | changes.after.keys()
        if path.startswith(INFO) and path.endswith(".list")
    }
    examination.lists = examination.reference.lists.updated(lists)


def _file_list(examination: Examination, path: str) -> list[str] | None:
    content = examination.chroot.read(path)
    return None if content is None else parse_list(content)


def check_installed(examination: Examination) -> None:
    """Look at the chroot with the packages installed."""
    note_owners(examination)
    run_checks(examination, Moment.INSTALLED)
    run_checks(examination, Moment.BEFORE_REMOVAL)


def remove(examination: Examination) -> None:
    """Bring the packages of the base back and remove all others, configuration files excepted."""
    plan = restoration(examination.chroot.base.packages, examination.installed, last=examination.own_names())
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
    examination.execute("apt-get", "remove", *map(_unmistakable, names), environment=environment)
    examination.remove(_WITHOUT_ARCHIVE)


def _unmistakable(name: str) -> str:
    """apt takes a name that ends in + for a wish to install; a - after it says what is meant."""
    return f"{name}-" if name.endswith("+") else name


def _restore(examination: Examination, plan: Restoration) -> None:
    versions = [f"{name}={version}" for name, version in plan.install.items()]
    removals = [f"{name}-" for name in plan.remove]
    forced = ("--allow-downgrades", "--allow-remove-essential", "--allow-change-held-packages")
    command = ("apt-get", "-y", "--no-install-recommends", *forced, "install")
    examination.execute(*command, *versions, *removals, network=True)
    # once more: a package that replaced files of another one takes them along when it goes
    examination.execute(*command, "--reinstall", *versions, network=True)


def check_removed(examination: Examination) -> None:
    """Look at the chroot with only configuration files left."""
    run_checks(examination, Moment.REMOVED)


def purge(examination: Examination) -> None:
    """Purge everything that the base does not have; dpkg is not called where nothing is left to do."""
    own = set(examination.own_names())
    packages = examination.query_packages()
    left = [
        package
        for name, package in packages.items()
        if name not in examination.chroot.base.packages and package.status != "not-installed"
    ]
    dependencies = [package.name for package in left if package.name not in own]
    tested = [package.name for package in left if package.name in own]
    for names in (dependencies, tested):
        if names:
            examination.execute("dpkg", "--purge", *names)
    if dependencies or tested:
        packages = examination.query_packages()
    if any(package.is_pending for package in packages.values()):
        examination.execute("dpkg", "--purge", "--pending")
        examination.execute("dpkg", "--remove", "--pending")


def check_purged(examination: Examination) -> None:
    """Compare the chroot with the base."""
    run_checks(examination, Moment.PURGED)
    run_checks(examination, Moment.COMPARED)


INSTALL_AND_PURGE: Final = (
    Phase("install", install),
    Phase("check installed", check_installed),
    Phase("remove", remove),
    Phase("check removed", check_removed),
    Phase("purge", purge),
    Phase("check purged", check_purged),
)
INSTALL_AND_PURGE_TITLE: Final = "Installation and purging test."
