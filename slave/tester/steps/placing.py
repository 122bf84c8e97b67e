"""Files of ours in a chroot in which packages have run."""

from __future__ import annotations

from typing import BinaryIO

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import Refused
from piufarm.slave.tester.examination import Examination


def place(examination: Examination, path: str, content: bytes | BinaryIO, *, mode: int = 0o644) -> None:
    """Put a file into the chroot. What is in the way of it, or leaves no room for it, is the package's doing.

    Raises TestEnded then, and Refused if nothing has run yet.
    """
    try:
        examination.put(path, content, mode=mode)
    except Refused as error:
        if examination.is_untouched:
            raise
        text = f"FAIL: A file that the test needs cannot be written: {error.message}"
        examination.report(Finding("placing", Severity.ERROR, text, (path,)), ends_the_test=True)
