"""All tests of a group of packages, in the order in which they are made."""

from __future__ import annotations

from typing import Final

from piufarm.slave.tester.options import Options
from piufarm.slave.tester.procedures.install_purge import INSTALL_PURGE
from piufarm.slave.tester.procedures.procedure import Procedure
from piufarm.slave.tester.procedures.upgrade import UPGRADE

PROCEDURES: Final = (INSTALL_PURGE, UPGRADE)


def wanted_procedures(options: Options) -> list[Procedure]:
    """The tests that these options ask for."""
    return [procedure for procedure in PROCEDURES if procedure.is_wanted(options)]
