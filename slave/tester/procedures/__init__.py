"""All tests of a group of packages, in the order in which they are made."""

from __future__ import annotations

from typing import Final

from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.procedures.delete_conffiles import DELETE_CONFFILES
from piufarm.slave.tester.procedures.distupgrade import DISTUPGRADE
from piufarm.slave.tester.procedures.edited_conffile import EDITED_CONFFILE
from piufarm.slave.tester.procedures.install_purge import INSTALL_PURGE
from piufarm.slave.tester.procedures.interrupted_unpack import INTERRUPTED_UNPACK
from piufarm.slave.tester.procedures.procedure import Procedure
from piufarm.slave.tester.procedures.reconfigure import RECONFIGURE
from piufarm.slave.tester.procedures.stop_without_daemon import STOP_WITHOUT_DAEMON
from piufarm.slave.tester.procedures.upgrade import UPGRADE

PROCEDURES: Final = (
    DISTUPGRADE,
    INSTALL_PURGE,
    UPGRADE,
    DELETE_CONFFILES,
    EDITED_CONFFILE,
    RECONFIGURE,
    STOP_WITHOUT_DAEMON,
    INTERRUPTED_UNPACK,
)


def wanted_procedures(options: Options) -> list[Procedure]:
    """The tests that these options ask for."""
    return [procedure for procedure in PROCEDURES if procedure.is_wanted(options)]
