"""Installs what the packages under test need, without them: the state that they can be told apart from.

An empty package with their dependencies and conflicts is installed and purged again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.state.control import control_of, empty_deb, parse_controls, relations
from piufarm.slave.tester.steps.installing import files_in_place, note_installed
from piufarm.slave.tester.steps.placing import place

DUMMY: Final = "piuparts-depends-dummy"
_PLACE: Final = f"./tmp/{DUMMY}.deb"


def install_dependencies(examination: Examination) -> None:
    """Install them and note the state; it is not noted where they need the packages under test to be installed.

    Raises TestEnded if they cannot be installed at all.
    """
    dummy = dummy_fields(_controls(examination))
    if dummy is not None:
        place(examination, _PLACE[1:], empty_deb(dummy))
        works = _works_alone(examination)
        if works:
            _install_dummy(examination)
        examination.remove(_PLACE[1:])
        if not works:
            return
    examination.dependencies = examination.present_state()


def _controls(examination: Examination) -> list[Mapping[str, str]]:
    """The control fields of the packages under test."""
    if examination.group.debs:
        return [control_of(deb) for deb in examination.group.debs]
    names = [package.wanted for package in examination.group.packages if not package.disappears]
    if not names:
        return []
    answer = examination.execute("apt-cache", "show", "--no-all-versions", *names, is_query=True, may_fail=True)
    return parse_controls(answer.output.decode("utf-8", "surrogateescape"))


def dummy_fields(controls: Sequence[Mapping[str, str]]) -> Mapping[str, str] | None:
    """The control fields of the empty package, or None if there is nothing that it could need.

    What the packages give each other it does not ask for: nobody else may have it.
    """
    provided = {clause for fields in controls for clause in relations(fields, "Provides")}
    needs = [clause for fields in controls for clause in relations(fields, "Pre-Depends", "Depends")]
    needs = [clause for clause in dict.fromkeys(needs) if not _is_satisfied(clause, controls)]
    clashes = [clause for fields in controls for clause in relations(fields, "Conflicts") if clause not in provided]
    if not needs and not clashes:
        return None
    special = [fields["Architecture"] for fields in controls if fields.get("Architecture", "all") != "all"]
    dummy = {
        "Package": DUMMY,
        "Version": "0.invalid.0",
        "Architecture": special[0] if special else "all",
        "Maintainer": "nobody <nobody@localhost>",
        "Depends": ", ".join(needs),
        "Conflicts": ", ".join(dict.fromkeys(clashes)),
        "Description": "what the packages under test need",
    }
    return {name: value for name, value in dummy.items() if value}


def _is_satisfied(clause: str, controls: Sequence[Mapping[str, str]]) -> bool:
    """Whether one of these packages is, or provides, what the clause asks for."""
    import apt_pkg

    apt_pkg.init_system()  # without it versions cannot be compared
    try:
        (alternatives,) = apt_pkg.parse_depends(clause, True)
    except (ValueError, apt_pkg.Error):
        return False
    offers = [offer for fields in controls for offer in _offers(fields)]
    return any(
        name == offered and (not operator or (has and apt_pkg.check_dep(has, operator, version)))
        for name, version, operator in alternatives
        for offered, has in offers
    )


def _offers(fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The names that a package goes by, each with its version; one that is only provided may have none."""
    yield fields.get("Package", ""), fields.get("Version", "")
    for clause in relations(fields, "Provides"):
        name, _, version = clause.partition(" ")
        yield name, version.strip("(=) ")


def _works_alone(examination: Examination) -> bool:
    """Whether the dummy can be installed, or cannot because nothing of the kind can: only then it is worth a try.

    Dependencies that in their turn need packages under test can only be had from their files, all together.
    """
    if not examination.group.debs or _can_be_installed(examination, _PLACE):
        return True
    with files_in_place(examination) as files:
        is_needed = _can_be_installed(examination, *files)
    if is_needed:
        examination.log.info("The dependencies cannot be installed without the packages under test.")
    return not is_needed


def _can_be_installed(examination: Examination, *files: str) -> bool:
    command = ("apt-get", "-y", "--allow-downgrades", "--simulate", "install", *files)
    return examination.execute(*command, is_query=True, may_fail=True).status == 0


def _install_dummy(examination: Examination) -> None:
    examination.execute("apt-get", "-y", "--allow-downgrades", "install", _PLACE, network=True)
    note_installed(examination)
    if examination.installed.pop(DUMMY, None) is not None:
        examination.log.info(f"Installation of ['{_PLACE}'] ok")
    else:
        examination.report(Finding("installation", Severity.WARNING, f"Installation of {DUMMY} FAILED"))
    examination.execute("dpkg", "--purge", DUMMY)
