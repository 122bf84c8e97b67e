"""Deconfigure the packages and configure them again, as dpkg does around an upgrade of what they break."""

from __future__ import annotations

from typing import Final

from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.procedures.extra_test import extra_test
from piufarm.slave.tester.procedures.procedure import Phase
from piufarm.slave.tester.state.control import empty_deb
from piufarm.slave.tester.steps.placing import place
from piufarm.slave.tester.steps.same_state import require_same_state

_BREAKER: Final = "piufarm-breaks-dummy"
_PLACE: Final = f"/tmp/{_BREAKER}.deb"


def _configure_again(examination: Examination) -> None:
    own = examination.own_names()
    names = [p.name for p in examination.packages().values() if p.is_installed and p.plain_name in own]
    before = examination.present_state()
    place(examination, _PLACE, empty_deb(_breaker(names)))
    # A package that is broken by one about to be unpacked is deconfigured: prerm is called for it, and postinst later.
    examination.execute("dpkg", "--auto-deconfigure", "--unpack", _PLACE)
    examination.execute("dpkg", "--purge", _BREAKER)
    examination.execute("dpkg", "--configure", "--pending")
    examination.remove(_PLACE)
    require_same_state(examination, before, "Deconfiguring and configuring again")


def _breaker(names: list[str]) -> dict[str, str]:
    return {
        "Package": _BREAKER,
        "Version": "0",
        "Architecture": "all",
        "Maintainer": "nobody <nobody@localhost>",
        "Breaks": ", ".join(name.partition(":")[0] for name in names),
        "Description": "makes dpkg deconfigure other packages",
    }


RECONFIGURE: Final = extra_test(
    "reconfigure",
    "Deconfiguring and configuring again.",
    Phase("configure again", _configure_again, "install"),
    lambda tests: tests.reconfigure,
)
