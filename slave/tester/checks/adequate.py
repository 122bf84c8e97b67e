"""What the host's adequate has to say about the installed packages under test, if the host has one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import CommandLimits, CommandResult, Refused
from piufarm.slave.tester.checks.adequate_program import adequate_program
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import decode_output

_NAME: Final = "adequate"
_PLACE: Final = "/tmp/piufarm-adequate"
_LIMITS: Final = CommandLimits(seconds=600)
_NOT_STARTED: Final = (126, 127)
_INADEQUATE: Final = (
    "bin-or-sbin-binary-requires-usr-lib-library",
    "broken-binfmt-detector",
    "broken-binfmt-interpreter",
    "incompatible-licenses",
    "ldd-failure",
    "library-not-found",
    "missing-alternative",
    "missing-copyright-file",
    "missing-pkgconfig-dependency",
    "missing-symbol-version-information",
    "program-name-collision",
    "py-file-not-bytecompiled",
    "pyshared-file-not-bytecompiled",
    "symbol-size-mismatch",
    "undefined-symbol",
)
_BORING: Final = ("broken-symlink", "obsolete-conffile")


def _run(examination: Examination) -> CommandResult | None:
    """What it said, or None if it cannot be asked."""
    names = [package.name for package in examination.group.packages if not package.disappears]
    program = adequate_program() if names else None
    if program is None:
        return None
    examination.log.info(f"Running adequate version {program.version} now.")
    try:
        examination.put(_PLACE, program.content, mode=0o755)
        result = examination.run_aside([_PLACE, *names], CHROOT_ENVIRONMENT, _LIMITS)
        examination.remove(_PLACE)
    except Refused as error:
        examination.log.info(f"adequate was not run: {error.message}")
        return None
    if result.status in _NOT_STARTED:
        examination.log.info(f"adequate does not run in this root: {decode_output(result.output).strip()}")
        return None
    return result


def _tags(output: str, known: Iterable[str]) -> str:
    return "".join(f" {tag} " for tag in known if f" {tag} " in output)


def _packages(examination: Examination, result: CommandResult) -> tuple[str, ...]:
    """The packages under test that it says something about."""
    said = {line.partition(": ")[0].partition(":")[0] for line in decode_output(result.output).split("\n")}
    return tuple(sorted(said & set(examination.own_names())))


def _lines(result: CommandResult) -> Iterable[str]:
    """What is to be reported of it, as the lines that log readers know."""
    output = decode_output(result.output).strip()
    if output:
        yield f"Inadequate results from running adequate!\n{output}"
        inadequate, boring = _tags(output, _INADEQUATE), _tags(output, _BORING)
        if inadequate:
            yield f"Running adequate resulted in inadequate tags found: {inadequate}"
        if boring:
            yield f"Running adequate resulted in less interesting tags found: {boring}"
        if not inadequate and not boring:
            yield "Found unknown tags running adequate."
    if result.stopped_by is not None:
        yield f"Running adequate was ended at the {result.stopped_by} limit."
    elif result.status != 0:
        yield f"Exit code from adequate was {result.status}!"


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    result = _run(examination)
    fails = examination.options.checks.inadequate_fails
    severity = Severity.ERROR if fails else Severity.WARNING
    if result is None:
        return
    owners = _packages(examination, result)
    for text in _lines(result):
        yield Finding(_NAME, severity, f"{'FAIL' if fails else 'WARN'}: {text}", owners=owners)


CHECK: Final = Check(_NAME, (Moment.BEFORE_REMOVAL,), _find, is_wanted=lambda options: options.adequate)
