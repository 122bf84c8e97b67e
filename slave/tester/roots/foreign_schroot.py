"""Schroots that others have set up: root need not go through schroot to use what they are made of."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from piufarm.config.model import ChrootBackend
from piufarm.errors import UsageError
from piufarm.slave.chroot.schroot import is_ours, settings_of
from piufarm.slave.tester.command_line.options import RootOptions


def without_foreign_schroot(options: RootOptions) -> RootOptions:
    """The options with the directory or tarball of a schroot in its place, if root asks for one that is not ours.

    Raises UsageError for one that is made of something else, FarmError if there is none of that name.
    """
    name = options.schroot
    if name is None or os.geteuid() != 0:
        return options
    settings = settings_of(name)
    if is_ours(name, settings):
        return options
    kind = settings.get("type")
    plain = replace(options, schroot=None, backend=ChrootBackend.OVERLAY)
    if kind in ("directory", "plain") and settings.get("directory"):
        return replace(plain, directory=Path(settings["directory"]))
    if kind == "file" and settings.get("file"):
        return replace(plain, tarball=Path(settings["file"]))
    raise UsageError(
        f"the schroot {name} is of type {kind}, which cannot be used",
        hint="mount it and use --existing-chroot DIR, or make one with `piufarm slave setup-schroot`",
    )
