"""An INI file with line numbers: what configparser reads, and where each key stands, for messages that help."""

from __future__ import annotations

import configparser
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.errors import ConfigError

DEFAULT_SECTION: Final = "DEFAULT"
_BYTES_MAX: Final = 4 * 1024 * 1024  # a farm of hundreds of sections needs a tenth of it
_HEADER: Final = re.compile(r"\[(?P<header>.+)\]")
_KEY: Final = re.compile(r"(?P<key>[^=:]*?)\s*[=:]")
_REFERENCE: Final = re.compile(r"%\(([^)]+)\)s")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class IniFile:
    """A parsed file. Values of [DEFAULT] count as values of every section, as configparser has it."""

    path: Path
    parser: configparser.ConfigParser
    lines: Mapping[tuple[str, str], int]  # by section and key; key "" is the section's header

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the sections in the order of the file, [DEFAULT] not among them."""
        return tuple(self.parser.sections())

    def keys(self, section: str) -> tuple[str, ...]:
        """The keys that a section itself sets, in lower case; `DEFAULT` is a section here."""
        return tuple(key for owner, key in self.lines if owner == section and key)

    def value(self, section: str, key: str) -> str | None:
        """A value with its `%(name)s` replaced; None if neither section nor [DEFAULT] has the key.

        Raises ConfigError if the interpolation is wrong.
        """
        if not self.parser.has_option(section, key):
            return None
        try:
            return self.parser.get(section, key)
        except configparser.InterpolationError as error:
            problem = " ".join(error.message.split())
            raise self.error(
                f"bad interpolation: {problem}", section, key,
                hint="write %% for a percent sign; %(name)s takes a key of the same section or of [DEFAULT]",
            ) from error

    def interpolated(self) -> frozenset[str]:
        """The keys that any value of the file refers to by `%(key)s`."""
        owners = (DEFAULT_SECTION, *self.parser.sections())
        raw = (value for owner in owners for _, value in self.parser.items(owner, raw=True))
        return frozenset(name.lower() for value in raw for name in _REFERENCE.findall(value))

    def place(self, section: str, key: str = "") -> tuple[str, int | None]:
        """Which section sets a key, this one or [DEFAULT], and in which line."""
        for owner in (section, DEFAULT_SECTION):
            line = self.lines.get((owner, key.lower()))
            if line is not None:
                return owner, line
        return section, None

    def where(self, section: str, key: str = "") -> str:
        """`FILE:LINE: [SECTION] KEY`, the beginning of every message about a value."""
        owner, line = self.place(section, key)
        place = f"{self.path}:{line}" if line else str(self.path)
        return f"{place}: [{owner}] {key}".rstrip()

    def error(self, problem: str, section: str, key: str = "", *, hint: str | None = None) -> ConfigError:
        """A ConfigError about one value, or about a section as a whole."""
        return ConfigError(f"{self.where(section, key)}: {problem}", hint=hint)


def read_ini(path: Path) -> IniFile:
    """Read and parse a file. Raises ConfigError for whatever is wrong with it, with the line where there is one."""
    return parse_ini(_read_text(path), path)


def parse_ini(text: str, path: Path) -> IniFile:
    """Parse the text of a file; `path` only serves messages. Raises ConfigError."""
    _refuse_control_characters(text, path)
    parser = configparser.ConfigParser()
    try:
        parser.read_file(io.StringIO(text), source=str(path))
    except configparser.DuplicateSectionError as error:
        raise ConfigError(
            f"{path}:{error.lineno}: section [{error.section}] appears a second time",
            hint="merge the two, or rename one",
        ) from error
    except configparser.DuplicateOptionError as error:
        raise ConfigError(
            f"{path}:{error.lineno}: [{error.section}] sets {error.option} a second time", hint="remove one of the two"
        ) from error
    except configparser.MissingSectionHeaderError as error:
        raise ConfigError(
            f"{path}:{error.lineno}: a value outside any section: {error.line.strip()[:60]!r}",
            hint="begin the file with a section such as [global]",
        ) from error
    except configparser.ParsingError as error:
        number = error.errors[0][0]
        line = text.split("\n")[number - 1].strip()
        raise ConfigError(
            f"{path}:{number}: neither a section, a key nor a comment: {line[:60]}",
            hint="a line is `[section]`, `key = value`, or begins with #; a value that goes on is indented",
        ) from error
    return IniFile(path, parser, dict(_scan(text)))


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"no such file: {path}", hint="name another one by --config or PIUPARTS_CONF") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}", hint="check its type and permissions") from error
    if len(content) > _BYTES_MAX:
        raise ConfigError(f"{path} is larger than {_BYTES_MAX} bytes", hint="is it a configuration file at all?")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{number}: not UTF-8", hint=f"iconv -f latin1 -t utf-8 {path}") from error


def _refuse_control_characters(text: str, path: Path) -> None:
    found = _CONTROL.search(text)
    if found:
        number = text.count("\n", 0, found.start()) + 1
        raise ConfigError(f"{path}:{number}: control character {found.group()!r}", hint="remove it")


def _scan(text: str) -> dict[tuple[str, str], int]:
    """The line of each header and key, by configparser's own rules: what is indented deeper goes on a value."""
    lines: dict[tuple[str, str], int] = {}
    section = key = ""
    key_indent = 0
    for number, line in enumerate(io.StringIO(text), start=1):
        content = line.strip()
        if not content or content.startswith(("#", ";")):
            continue
        indent = len(line) - len(line.lstrip())
        if section and key and indent > key_indent:
            continue
        key_indent = indent
        header = _HEADER.match(content)
        if header:
            section, key = header.group("header"), ""
            lines.setdefault((section, ""), number)
            continue
        found = _KEY.match(content)
        if found:
            key = found.group("key").lower()
            lines.setdefault((section, key), number)
    return lines
