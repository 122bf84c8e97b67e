"""Tables in /etc/cron.d stay as configuration files when a package is removed: cron goes on to run what is in them.

Each command is run as cron would, and has to be silent: cron mails whatever it says, every time. Debian Policy 9.5
wants it to look first whether its program is still there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.tester.checks.check import OF_A_JOB, Check, Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import decode_output, one_line
from piufarm.slave.tester.state.cron_table import TABLE, CronJob, parse_cron_table

_NAME: Final = "cron-tables"
_HEADLINE: Final = "FAIL: Cron table %s has output with package removed"
_OF_DEPENDENCY: Final = "WARN: Cron table %s of a dependency has output with its package removed"
_JOBS_MAX: Final = 30  # of one table
_CRON_PATH: Final = "/usr/bin:/bin"


def _output(examination: Examination, job: CronJob) -> str:
    """What cron would mail."""
    account = examination.present_identities().accounts.get(job.user)
    if account is None:
        return ""  # cron passes over jobs of unknown users
    words = [job.shell, "-c", job.command]
    if account.uid != 0:
        words = ["/usr/sbin/runuser", "-u", job.user, "--", *words]
    usual = {"HOME": account.home, "LOGNAME": job.user, "PATH": _CRON_PATH, "SHELL": job.shell}
    result = examination.run_aside(words, {**CHROOT_ENVIRONMENT, **usual, **job.variables}, OF_A_JOB)
    return decode_output(result.output).strip()


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    yield from _complaints(examination, examination.own_files(), Severity.ERROR, _HEADLINE)
    yield from _complaints(examination, examination.files_of_dependencies(), Severity.WARNING, _OF_DEPENDENCY)


def _complaints(
    examination: Examination, files: Iterable[tuple[str, str]], severity: Severity, headline: str
) -> Iterable[Finding]:
    for name, path in files:
        if not TABLE.fullmatch(path):
            continue
        jobs = list(parse_cron_table(examination.chroot.read(path) or b""))[:_JOBS_MAX]
        if not jobs:
            continue
        examination.log.info(f"Package {name} contains cron table: {path}")
        lines = []
        for job in jobs:
            output = _output(examination, job)
            if output:
                lines.append(f"{one_line(job.user)}: {one_line(job.command)}")
                lines += [f"  {line}" for line in output.split("\n")]
        if lines:
            yield Finding(_NAME, severity, "\n".join([headline % path, *lines]), (path,), (name,))


CHECK: Final = Check(
    _NAME,
    (Moment.REMOVED,),
    _find,
    ends_the_test=False,
    is_wanted=lambda options: options.cron_files and not options.compat,
)
