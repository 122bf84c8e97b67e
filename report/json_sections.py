"""Which suite of the distribution a section speaks for, in the words that readers of summary.json know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import distro_info

from piufarm.config.model import Section

UNKNOWN: Final = "unknown"
_FIXED: Final = {
    **{name: name for name in ("oldstable", "stable", "testing", "unstable", "experimental")},
    "sid": "unstable",
    "rc": "experimental",
}


def suites_today(today: date) -> Mapping[str, str]:
    """Every name of a suite, in use today, that a distro name can begin with: alias, codename, `Debian<major>`."""
    known = dict(_FIXED)
    info = distro_info.DebianDistroInfo()
    for suite, find in (("oldstable", info.old), ("stable", info.stable), ("testing", info.testing)):
        try:
            series = find(today)
        except distro_info.DistroDataOutdated:  # the aliases still work
            continue
        known[series] = suite
        major = info.version(series)
        if major:
            known[f"Debian{major}"] = suite
    return known


def json_sections(section: Section, today: date) -> tuple[str, ...]:
    """The names under which a section's results go into summary.json; empty: they are not exported."""
    configured = section.json_sections or ("default",)
    if configured[0] == "none":
        return ()
    names: list[str] = []
    for word in configured:
        name = _derived(section, today) if word == "default" else word
        if name not in names:
            names.append(name)
    return tuple(names)


def _derived(section: Section, today: date) -> str:
    """The last known suite among the section's distros."""
    known = suites_today(today)
    distros = (*section.upgrade_test_distros, *((section.distro,) if section.distro else ()))
    found = UNKNOWN
    for distro in distros:
        found = known.get(distro.split("-", 1)[0].split(".", 1)[0], found)
    return found
