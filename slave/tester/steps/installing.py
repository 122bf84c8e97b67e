"""Installing packages: those under test, from files or by name, and others by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.installed_files import listing_files
from piufarm.slave.tester.scripts.running import run_scripts
from piufarm.slave.tester.steps.known import known_names
from piufarm.slave.tester.steps.placing import place


def install_tested(examination: Examination, *options: str) -> None:
    """Install the packages under test. apt gets these options for packages that it installs by name.

    Files that the repository of the packages under test has are installed from there. Raises TestEnded.
    """
    from_files = _come_from_files(examination)
    _install(examination, () if from_files else options, from_files=from_files)
    note_installed(examination)
    if from_files:
        _require_installed(examination)


def reinstall_tested(examination: Examination) -> None:
    """Let apt and dpkg install the packages under test once more, although they are there. Raises TestEnded."""
    apt_install_tested(examination, "--reinstall")
    _require_installed(examination)


def apt_install_tested(examination: Examination, *options: str, may_fail: bool = False) -> None:
    """Run `apt-get install` with these options on the files under test, or on the names."""
    _install(examination, options, from_files=_come_from_files(examination), may_fail=may_fail)


def _install(
    examination: Examination, options: Sequence[str], *, from_files: bool, may_fail: bool = False
) -> None:
    if from_files:
        with files_in_place(examination) as places:
            _apt_install(examination, *options, *places, forced=("--allow-downgrades",), may_fail=may_fail)
    else:
        names = [package.wanted for package in examination.group.packages if not package.disappears]
        if names:
            _apt_install(examination, *options, *names, may_fail=may_fail)


def _come_from_files(examination: Examination) -> bool:
    return bool(examination.group.debs) and not _are_in_repository(examination)


def _are_in_repository(examination: Examination) -> bool:
    names = examination.own_names()
    return examination.options.tests.testdebs_repo is not None and known_names(examination, names) == list(names)


def _apt_install(examination: Examination, *words: str, forced: Sequence[str] = (), may_fail: bool = False) -> None:
    release = ("-t", examination.target_release) if examination.target_release else ()
    with listing_files(examination):
        examination.execute("apt-get", "-y", *forced, *release, "install", *words, network=True, may_fail=may_fail)


def install_tested_with_scripts(examination: Examination, *options: str) -> None:
    """Install the packages under test, custom scripts before and after."""
    run_scripts(examination, "pre_install")
    install_tested(examination, *options)
    run_scripts(examination, "post_install")


def install_names(examination: Examination, names: Sequence[str], *options: str) -> None:
    """Install packages of the archive, `name` or `name=version`; `options` are apt's. Raises TestEnded."""
    if names:
        _apt_install(examination, *options, *names)
        note_installed(examination)


def places_of(debs: Iterable[Path]) -> dict[str, Path]:
    """Each file by the name that it gets in the chroot: its own, behind a number if another one has that."""
    places: dict[str, Path] = {}
    for deb in debs:
        names = chain([deb.name], (f"{number}-{deb.name}" for number in count(2)))
        places[next(place for name in names if (place := f"./tmp/{name}") not in places)] = deb
    return places


def install_names_with_scripts(examination: Examination, names: Sequence[str]) -> None:
    """Install packages of the archive, custom scripts before and after. Raises TestEnded."""
    run_scripts(examination, "pre_install")
    install_names(examination, names)
    run_scripts(examination, "post_install")


@contextmanager
def files_in_place(examination: Examination) -> Iterator[list[str]]:
    """The files under test are in the chroot as long as the block lasts: their names, as apt takes them."""
    files = places_of(examination.group.debs)
    for name, deb in files.items():
        with deb.open("rb") as content:
            place(examination, name[1:], content)
    yield list(files)
    for name in files:
        examination.remove(name[1:])


def remove_tested(examination: Examination) -> None:
    """Remove the packages under test; what apt thinks of that shows when they are installed again."""
    names = [unmistakable(package.name) for package in examination.group.packages]
    examination.execute("apt-get", "remove", *names, may_fail=True)


def unmistakable(name: str) -> str:
    """A name to remove: apt takes one that ends in + for a wish to install; a - after it says what is meant."""
    return f"{name}-" if name.endswith("+") else name


def note_installed(examination: Examination) -> None:
    """Remember for the result what is installed now."""
    examination.installed.update(
        (name, package) for name, package in examination.packages().items() if package.is_installed
    )


def _require_installed(examination: Examination) -> None:
    """A file can be "installed" without being so, say because another one of the group conflicts with it."""
    present = {package.plain_name for package in examination.packages().values() if package.is_installed}
    wanted = [package.plain_name for package in examination.group.packages if not package.disappears]
    missing = [name for name in wanted if name not in present]
    for name in missing:
        text = f"Installation of {name} failed"
        examination.report(Finding("installation", Severity.ERROR, text, owners=(name,)))
    if missing:
        text = f"Could not install {' '.join(missing)}."
        examination.report(Finding("installation", Severity.ERROR, text), ends_the_test=True)
    if examination.group.debs:
        listed = ", ".join(f"'{place}'" for place in places_of(examination.group.debs))
        examination.log.info(f"Installation of [{listed}] ok")
