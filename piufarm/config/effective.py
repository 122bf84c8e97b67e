"""The effective configuration for people and for programs: every value with the place it comes from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from piufarm.config.model import Configuration, Expiry, Global, Origin, Section
from piufarm.config.settings import SETTINGS, Scope, Setting
from piufarm.names import SectionName
from piufarm.store_url import without_password

_VALUE_COLUMNS: Final = 60

Json = str | int | float | bool | list[str] | None


@dataclass(frozen=True)
class EffectiveValue:
    """A key's value as it counts, with its origin."""

    setting: Setting
    value: object
    origin: Origin

    def text(self) -> str:
        """The value as it could stand in the file; the default's description in parentheses if there is none."""
        if self.value in (None, (), ""):
            return f"({self.setting.describe_default()})"
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        if isinstance(self.value, tuple):
            return " ".join(map(str, self.value))
        if isinstance(self.value, Expiry):
            return f"{'+' if self.value.relative else ''}{self.value.days}"
        return without_password(str(self.value))

    def json(self) -> Json:
        """The value as JSON has it: paths and relative days as texts, lists as lists."""
        if isinstance(self.value, tuple):
            return [str(word) for word in self.value]
        if isinstance(self.value, bool | int | float) or self.value is None:
            return self.value
        return self.text() if isinstance(self.value, Expiry | PurePath) else without_password(str(self.value))


def farm_values(configuration: Configuration) -> Iterator[EffectiveValue]:
    """The keys that count for the whole farm, in the order of the reference."""
    log_file = next(setting for setting in SETTINGS if setting.key == "log-file")
    for setting in (*(setting for setting in SETTINGS if setting.scope is Scope.FARM), log_file):
        yield _effective(configuration, "", setting, configuration.farm)


def section_values(configuration: Configuration, name: SectionName) -> Iterator[EffectiveValue]:
    """The keys of a section, in the order of the reference."""
    for setting in SETTINGS:
        if setting.scope is Scope.SECTION:
            yield _effective(configuration, name, setting, configuration.sections[name])


def _effective(configuration: Configuration, owner: str, setting: Setting, holder: Global | Section) -> EffectiveValue:
    value: object = getattr(holder, setting.attribute)
    if setting.key == "archive-keyring" and getattr(holder, "archive_unsigned", False):
        value = "none"
    return EffectiveValue(setting, value, configuration.origins.get((owner, setting.key), Origin("default")))


def render_values(values: Iterable[EffectiveValue], *, home: str, with_defaults: bool) -> Iterator[str]:
    """Aligned lines of key, value and origin; `home` is the place whose own lines are given by number alone."""
    rows = [
        (value.setting.key, value.text(), _origin_text(value.origin, home))
        for value in values
        if with_defaults or value.origin.line is not None
    ]
    key_width = max((len(key) for key, _, _ in rows), default=0)
    value_width = min(max((len(text) for _, text, _ in rows), default=0), _VALUE_COLUMNS)
    for key, text, origin in rows:
        first, *more = textwrap.wrap(text, _VALUE_COLUMNS, break_long_words=False, break_on_hyphens=False) or [""]
        yield f"  {key:<{key_width}}  {first:<{value_width}}  {origin}"
        for line in more:
            yield f"  {'':<{key_width}}  {line}"


def as_json(configuration: Configuration, names: Iterable[SectionName]) -> Mapping[str, object]:
    """The whole as JSON: path, farm, sections, each key with value, origin and line."""
    return {
        "path": str(configuration.path),
        "farm": _values_json(farm_values(configuration)),
        "sections": {str(name): _values_json(section_values(configuration, name)) for name in names},
        "warnings": list(configuration.warnings),
    }


def _values_json(values: Iterable[EffectiveValue]) -> Mapping[str, object]:
    return {
        value.setting.key: {"value": value.json(), "origin": value.origin.place, "line": value.origin.line}
        for value in values
    }


def _origin_text(origin: Origin, home: str) -> str:
    if origin.line is None:
        return origin.place
    return f"line {origin.line}" if origin.place == home else f"{origin.place} line {origin.line}"


def runs_real_piuparts(section: Section) -> bool:
    """Whether the section's tests are done by the piuparts program and not by our tester."""
    return any(Path(word).name == "piuparts" for word in section.piuparts_command)
