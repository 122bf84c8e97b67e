"""What a section tests, in a sentence: derived from its settings, or as the configuration says."""

from __future__ import annotations

from piufarm.config.model import Section


def describe(section: Section) -> str:
    """The section's description; a configured one with a leading or trailing `+` is added to the derived one."""
    configured = section.description.strip()
    derived = _derived(section)
    if configured.startswith("+"):
        return f"{derived} {configured[1:].strip()}"
    if configured.endswith("+"):
        return f"{configured[:-1].strip()} {derived}"
    return configured or derived


def _derived(section: Section) -> str:
    distros = section.upgrade_test_distros
    if section.is_upgrade_test:
        way = ", then ".join(distros[1:])
        return f"Packages of {section.area} on {section.arch}: installed in {distros[0]}, upgraded to {way}, purged."
    where = section.selection_distro or section.name
    return f"Packages of {where}, {section.area}, on {section.arch}: installed, removed and purged."
