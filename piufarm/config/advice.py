"""What is odd in a configuration but does not keep it from working: misspelt keys, sections that lead nowhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from piufarm.config.inifile import DEFAULT_SECTION, IniFile
from piufarm.config.model import Configuration, Section
from piufarm.config.settings import IGNORED_KEYS, Scope, by_key
from piufarm.names import SectionName


def advise(ini: IniFile, configuration: Configuration) -> tuple[str, ...]:
    """All warnings about a configuration, in the order of the file where they belong to a line."""
    return (
        *_odd_keys(ini),
        *_missing_sections(ini, configuration),
        *(message for name in configuration.farm.sections for message in _untestable(ini, configuration, name)),
        *(message for section in configuration.sections.values() for message in _missing_keyring(ini, section)),
    )


def _odd_keys(ini: IniFile) -> Iterator[str]:
    known = by_key()
    helpers = ini.interpolated() | IGNORED_KEYS
    for owner, key in sorted(ini.lines, key=lambda place: ini.lines[place]):
        setting = known.get(key)
        if not key or key in helpers or (owner == DEFAULT_SECTION and key.startswith("flags-")):
            continue
        if setting is None:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            guess = f"did you mean {known[near[0]].key}?" if near else "it is ignored"
            yield f"{ini.where(owner, key)}: unknown key; {guess}"
        elif setting.scope is Scope.FARM and owner not in ("global", DEFAULT_SECTION):
            yield f"{ini.where(owner, key)}: has no effect here, only in [global]"


def _missing_sections(ini: IniFile, configuration: Configuration) -> Iterator[str]:
    farm = configuration.farm
    for key, listed in (("sections", farm.sections), ("basetgz-sections", farm.basetgz_sections)):
        for name in listed:
            if name not in configuration.sections:
                yield f"{ini.where('global', key)}: there is no section [{name}]; it is left out"
    for section in configuration.sections.values():
        for name in section.depends_sections:
            if name not in configuration.sections:
                place = section.name if "depends-sections" in ini.keys(section.name) else "global"
                yield f"{ini.where(place, 'depends-sections')}: there is no section [{name}]; it is left out"


def _untestable(ini: IniFile, configuration: Configuration, name: SectionName) -> Iterator[str]:
    section = configuration.sections.get(name)
    if section is not None and section.selection_distro is None:
        yield f"{ini.where(name)}: neither distro nor upgrade-test-distros is set; nothing will be tested"


def _missing_keyring(ini: IniFile, section: Section) -> Iterator[str]:
    keyring = section.archive_keyring
    if keyring is not None and not keyring.exists() and "archive-keyring" in ini.keys(section.name):
        yield f"{ini.where(section.name, 'archive-keyring')}: there is no file {keyring} on this host"
