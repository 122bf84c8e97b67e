"""Reading piuparts.conf into a Configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from piufarm.config.advice import advise
from piufarm.config.defaults import Surroundings, here
from piufarm.config.inifile import IniFile, read_ini
from piufarm.config.model import DEFAULT_CONFIG, Configuration, Global, Origin, Section
from piufarm.config.section_folders import section_in_the_way
from piufarm.config.settings import GLOBAL_LOG_FILE_DEFAULT, SETTINGS, Scope, Setting, absolute
from piufarm.errors import ConfigError
from piufarm.names import InvalidName, SectionName
from piufarm.store_url import without_password

GLOBAL: Final = "global"
_FROM_DEFAULT: Final = Origin("default")


@dataclass(frozen=True)
class Examination:
    """What became of a file: a configuration, or everything that is wrong with it."""

    configuration: Configuration | None
    problems: tuple[ConfigError, ...]


def config_path(path: Path | None = None) -> Path:
    """The file to read: the one given, else the one that PIUPARTS_CONF names, else /etc/piuparts/piuparts.conf."""
    chosen = path or Path(os.environ.get("PIUPARTS_CONF") or DEFAULT_CONFIG)
    return Path.cwd() / chosen


def load(path: Path | None = None) -> Configuration:
    """Read and check a whole configuration file.

    None means the file that PIUPARTS_CONF names, else /etc/piuparts/piuparts.conf. What is odd but usable is in
    `Configuration.warnings`; nothing is printed. Raises ConfigError.
    """
    examination = examine(path)
    if examination.configuration is None:
        first, *more = examination.problems
        also = f"\n  ({len(more)} more: piufarm check-config shows all)" if more else ""
        raise ConfigError(first.message, hint=f"{first.hint or ''}{also}".strip() or None) from first
    return examination.configuration


def examine(path: Path | None = None) -> Examination:
    """Like load, but collects all wrong values instead of raising; for `piufarm check-config`."""
    try:
        ini = read_ini(config_path(path))
    except ConfigError as error:
        return Examination(None, (error,))
    return _Reader(ini).read()


class _Reader:
    """One pass over a file, collecting values with their origins, and problems."""

    def __init__(self, ini: IniFile) -> None:
        self.ini = ini
        self.problems: list[ConfigError] = []
        self.origins: dict[tuple[str, str], Origin] = {}

    def read(self) -> Examination:
        """Everything that the file says, or what is wrong with it."""
        surroundings = here()
        farm_values = self._farm_values(surroundings)
        if self.problems:
            return self._failed()
        farm = Global(**farm_values)
        surroundings = replace(surroundings, slave_directory=farm.slave_directory)
        sections = {}
        for name in self._section_names():
            values = self._section_values(name, replace(surroundings, section=str(name)))
            if not self.problems:
                sections[name] = Section(name=name, **values)
        if self.problems:
            return self._failed()
        configuration = Configuration(self.ini.path, farm, sections, (), self.origins)
        return Examination(replace(configuration, warnings=advise(self.ini, configuration)), ())

    def _failed(self) -> Examination:
        """All problems, each once: a wrong value of [global] shows up in every section."""
        return Examination(None, tuple({problem.message: problem for problem in self.problems}.values()))

    def _section_names(self) -> list[SectionName]:
        names = []
        for name in self.ini.sections:
            try:
                names.append(SectionName(name))
            except InvalidName as error:
                self.problems.append(self.ini.error(str(error), name, hint="rename the section"))
        for section in names:
            owner = section_in_the_way(section, names)
            if owner is not None:
                text = f"its folder is one that the section [{owner}] keeps files of its own in"
                self.problems.append(self.ini.error(text, section, hint="rename one of the two sections"))
        return names

    def _farm_values(self, surroundings: Surroundings) -> Mapping[str, Any]:
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            if setting.scope is Scope.FARM:
                values[setting.attribute] = self._value(setting, "", surroundings)
                if setting.key == "master-directory" and not self.problems:
                    surroundings = replace(surroundings, master_directory=values["master_directory"])
        text, origin = self._text(GLOBAL, "log-file")
        values["log_file"] = text or GLOBAL_LOG_FILE_DEFAULT
        self.origins["", "log-file"] = origin if text else _FROM_DEFAULT
        return values

    def _section_values(self, section: SectionName, surroundings: Surroundings) -> Mapping[str, Any]:
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            if setting.scope is Scope.SECTION:
                values[setting.attribute] = self._value(setting, section, surroundings)
        values["archive_unsigned"] = values["archive_keyring"] == "none"
        if values["archive_unsigned"]:
            values["archive_keyring"] = None
        values["log_file"] = str(values["log_file"]).replace("$SECTION", section)
        return values

    def _value(self, setting: Setting, section: str, surroundings: Surroundings) -> object:
        """A key's typed value; `section` "" is the farm, whose values stand in [global]."""
        text: str | None = None
        origin = _FROM_DEFAULT
        for place in self._places(setting, section):
            text, origin = self._text(place, setting.key)
            if text is not None:
                break
        if not text:
            text, origin = setting.default_value_text(surroundings), _FROM_DEFAULT
        self.origins[section, setting.key] = origin
        if text is None:
            return None
        return self._parse(setting, text, section or GLOBAL, surroundings)

    def _places(self, setting: Setting, section: str) -> tuple[str, ...]:
        if not section:
            return (GLOBAL,)
        if not setting.inherits:
            return () if section == GLOBAL else (section,)
        return (section, GLOBAL)

    def _text(self, section: str, key: str) -> tuple[str | None, Origin]:
        try:
            text = self.ini.value(section, key)
        except ConfigError as error:
            self.problems.append(error)
            return None, _FROM_DEFAULT
        owner, line = self.ini.place(section, key)
        return text, Origin(f"[{owner}]", line)

    def _parse(self, setting: Setting, text: str, section: str, surroundings: Surroundings) -> object:
        try:
            value = setting.kind.parse(text)
        except (ValueError, InvalidName) as error:
            reason = f" ({error})" if isinstance(error, InvalidName) else ""
            text = without_password(text)
            shown = text if len(text) <= 60 else f"{text[:57]}…"
            place = section if self.ini.parser.has_option(section, setting.key) else GLOBAL
            self.problems.append(self.ini.error(
                f"expected {setting.kind.expected}, not {shown!r}{reason}", place, setting.key,
                hint=f"{setting.summary}; without the line: {setting.describe_default()}",
            ))
            return None
        return absolute(value, setting, surroundings) if isinstance(value, Path) else value
