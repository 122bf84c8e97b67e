"""Plans without an archive: packages that need all that is planned to be installed with them."""

from __future__ import annotations

from collections.abc import Mapping

from piufarm.slave.layers.closure import Deb
from piufarm.slave.layers.forecast import Forecast
from piufarm.slave.layers.plan import Planned


def debs_of(planned: Planned) -> list[Deb]:
    """Small ones."""
    needs = [[name] for name in planned.installed if name != planned.package]
    return [
        Deb(name, version, "all", 1000, "", "", needs if name == planned.package else ())
        for name, version in planned.installed.items()
    ]


def forecast(planned: Mapping[str, Planned]) -> Forecast:
    """What a slave would have had made."""
    return Forecast(planned, {name: debs_of(one) for name, one in planned.items()}, None)
