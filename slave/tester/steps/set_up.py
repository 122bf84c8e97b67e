"""What happens in a fresh chroot before a test: all that is to be part of its reference."""

from __future__ import annotations

from piufarm.errors import FarmError
from piufarm.slave.tester.examination import Examination, TestEnded
from piufarm.slave.tester.scripts.running import run_scripts
from piufarm.trouble import TroubleKind


def set_up(examination: Examination) -> None:
    """Run what was asked for, and take the reference anew if that has changed the chroot.

    Raises FarmError if it fails: no package under test is there yet.
    """
    try:
        run_scripts(examination, "post_chroot_unpack")
        run_scripts(examination, "post_setup")
    except TestEnded as error:
        hint = "look at the log: a script of --scriptsdir"
        raise FarmError("the chroot could not be set up", hint=hint, kind=TroubleKind.CHROOT) from error
    if not examination.is_untouched:
        examination.reference = examination.present_state()
        examination.installed.clear()
