"""Installing packages: those under test, from files or by name, and others by name."""

from __future__ import annotations

from collections.abc import Sequence

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.scripts import run_scripts


def install_tested(examination: Examination) -> None:
    """Install the packages under test. Raises TestEnded if they cannot be installed."""
    if examination.group.debs:
        _install_files(examination)
    else:
        install_names(
            examination, [package.wanted for package in examination.group.packages if not package.disappears]
        )


def install_tested_with_scripts(examination: Examination) -> None:
    """Install the packages under test, custom scripts before and after."""
    run_scripts(examination, "pre_install")
    install_tested(examination)
    run_scripts(examination, "post_install")


def install_names(examination: Examination, names: Sequence[str], *options: str) -> None:
    """Install packages of the archive, `name` or `name=version`; `options` are apt's. Raises TestEnded."""
    if names:
        examination.execute("apt-get", "-y", *_release(examination), "install", *options, *names, network=True)
        note_installed(examination)


def _install_files(examination: Examination) -> None:
    files = {f"./tmp/{deb.name}": deb for deb in examination.group.debs}
    for place, deb in files.items():
        with deb.open("rb") as content:
            examination.put(place[1:], content)
    command = ("apt-get", "-y", "--allow-downgrades", *_release(examination), "install")
    examination.execute(*command, *files, network=True)
    for place in files:
        examination.remove(place[1:])
    note_installed(examination)
    _require_installed(examination)


def _release(examination: Examination) -> tuple[str, ...]:
    return ("-t", examination.target_release) if examination.target_release else ()


def note_installed(examination: Examination) -> None:
    """Remember for the result what is installed now."""
    examination.installed.update(
        (name, package) for name, package in examination.packages().items() if package.is_installed
    )


def _require_installed(examination: Examination) -> None:
    """A file can be "installed" without being so, say because another one of the group conflicts with it."""
    present = {package.plain_name for package in examination.packages().values() if package.is_installed}
    missing = [name for name in examination.own_names() if name not in present]
    for name in missing:
        text = f"Installation of {name} failed"
        examination.report(Finding("installation", Severity.ERROR, text, owners=(name,)))
    if missing:
        text = f"Could not install {' '.join(missing)}."
        examination.report(Finding("installation", Severity.ERROR, text), ends_the_test=True)
    listed = ", ".join(f"'./tmp/{deb.name}'" for deb in examination.group.debs)
    examination.log.info(f"Installation of [{listed}] ok")
