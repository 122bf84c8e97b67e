"""Edit all configuration files and install again: that works, and what the administrator wrote stays."""

from __future__ import annotations

from typing import Final

from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.procedures.extra_test import extra_test
from piufarm.slave.tester.procedures.procedure import NotApplicable, Phase
from piufarm.slave.tester.steps.conffiles import own_conffiles, report_conffiles
from piufarm.slave.tester.steps.installing import reinstall_tested

# An empty line at the end means nothing in nearly any format, and is another content to dpkg.
_EDIT: Final = 'for file do echo >> "$file"; done'


def _edit_and_install(examination: Examination) -> None:
    paths = own_conffiles(examination)
    if not paths:
        raise NotApplicable("Can't test edited configuration files: the packages have none.")
    examination.execute("sh", "-c", _EDIT, "sh", *paths)
    edited = {path: examination.chroot.md5(path) for path in paths}
    reinstall_tested(examination)
    lost = [path for path in paths if examination.chroot.md5(path) != edited[path]]
    report_conffiles(examination, "FAIL: Edited configuration files were changed:", lost)


EDITED_CONFFILE: Final = extra_test(
    "edited-conffile",
    "Reinstallation with edited configuration files.",
    Phase("edit and install", _edit_and_install, "install"),
    lambda tests: tests.edited_conffile,
)
