"""The kinds of values that a key can have: how a text becomes one, and what to say when it does not."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from piufarm.config.model import ChrootBackend, Expiry, NetworkScope
from piufarm.names import SectionName
from piufarm.store_url import EXPECTED as STORE_EXPECTED
from piufarm.store_url import split_store_url

_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"([+-]?[0-9]{1,12})\s*([smhd]?)")
_LONGEST_SECONDS: Final = 3650 * 86400  # calendars and the protocol end somewhere, too
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,12}")
_DISTRO: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_-]*(/[A-Za-z0-9][A-Za-z0-9+.~_-]*)*")
_ARCH: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_GLOB: Final = re.compile(r"[A-Za-z0-9+.*?!\[\]-]+")
_BOOLEANS: Final = {
    "yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False,
}


@dataclass(frozen=True)
class Kind:
    """A kind of value. `parse` raises ValueError; lists may be empty; relative paths stay relative."""

    name: str
    expected: str
    parse: Callable[[str], object]


def _flag(text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError from None


def _integer(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return int(text)


def _count(text: str) -> int:
    number = _integer(text)
    if number < 0:
        raise ValueError
    return number


def _positive(text: str) -> int:
    number = _integer(text)
    if number < 1:
        raise ValueError
    return number


def _age(text: str) -> int:
    found = _DURATION.fullmatch(text.lower())
    if not found:
        raise ValueError
    return int(found[1]) * _SECONDS[found[2]]


def _duration(text: str) -> int:
    seconds = _age(text)
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise ValueError
    return seconds


def _period(text: str) -> int:
    seconds = _duration(text)
    if seconds < 1:
        raise ValueError
    return seconds


def _share(text: str) -> float:
    share = _decimal(text)
    if share > 1:
        raise ValueError
    return share


def _load(text: str) -> float | None:
    limit = _decimal(text)
    return limit if limit >= 1 else None


def _decimal(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or number < 0:
        raise ValueError
    return number


def _expiry(text: str) -> Expiry:
    return Expiry(days=_count(text), relative=text.startswith("+"))


def _word(text: str) -> str:
    if len(text.split()) != 1:
        raise ValueError
    return text


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _distro(text: str) -> str:
    if not _DISTRO.fullmatch(text):
        raise ValueError
    return text


def _distros(text: str) -> tuple[str, ...]:
    return tuple(_distro(word) for word in text.split())


def _arch(text: str) -> str:
    if not _ARCH.fullmatch(text):
        raise ValueError
    return text


def _sections(text: str) -> tuple[SectionName, ...]:
    return tuple(SectionName(word) for word in text.split())


def _globs(text: str) -> tuple[str, ...]:
    words = tuple(text.split())
    if not all(_GLOB.fullmatch(word) for word in words):
        raise ValueError
    return words


def _mirror(text: str) -> str:
    _word(text)
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https", "file") or not (parts.netloc or parts.path.strip("/")):
        raise ValueError
    if parts.scheme != "file" and not parts.hostname:
        raise ValueError
    return text


def _proxy(text: str) -> str:
    url = text if "://" in text else f"http://{text}"
    parts = urlsplit(_word(url))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError
    return url


def _state(text: str) -> str:
    split_store_url(_word(text))
    return text


def _doc_root(text: str) -> str:
    path = _word(text).strip("/")
    return f"/{path}" if path else ""


def _keyring(text: str) -> Path | str:
    return "none" if text.lower() == "none" else _path(text)


def _path(text: str) -> Path:
    path = Path(text)
    if "\n" in text or (path.parts[:1] != ("~",) and text.startswith("~")):
        raise ValueError
    return Path(*path.parts[1:]) if text.startswith("~") else path


def _backend(text: str) -> ChrootBackend:
    return ChrootBackend(text)


def _network(text: str) -> NetworkScope:
    return NetworkScope(text)


TEXT: Final = Kind("text", "a text", str)
WORD: Final = Kind("word", "one word without blanks", _word)
WORDS: Final = Kind("words", "words separated by blanks", _words)
FLAG: Final = Kind("yes or no", "yes or no", _flag)
INTEGER: Final = Kind("number", "a whole number", _integer)
COUNT: Final = Kind("count", "a whole number, 0 or more", _count)
POSITIVE: Final = Kind("count", "a whole number, 1 or more", _positive)
DURATION: Final = Kind("seconds", "seconds, or a number with s, m, h or d such as 48h, at most 3650d", _duration)
PERIOD: Final = Kind("seconds", "a time from 1 s to 3650d, in seconds or as 30m, 48h or 2d", _period)
AGE: Final = Kind("seconds", "seconds, or a number with s, m, h or d such as 30d; 0 or -1 mean never", _age)
SHARE: Final = Kind("share", "a share between 0 and 1, such as 0.2", _share)
LOAD: Final = Kind("load", "a load average such as 4.0; below 1.0 is off", _load)
EXPIRY: Final = Kind("days", "days, or +N days after rescheduling; 0 is off", _expiry)
DISTRO: Final = Kind("distro", "the name of a distro, such as sid or bookworm/updates", _distro)
DISTROS: Final = Kind("distros", "names of distros, such as bookworm trixie", _distros)
ARCH: Final = Kind("architecture", "an architecture as dpkg names it, such as amd64", _arch)
SECTIONS: Final = Kind("sections", "names of sections separated by blanks", _sections)
GLOBS: Final = Kind("globs", "patterns of package names, such as lib*-perl hello", _globs)
MIRROR: Final = Kind("URL", "the URL of an archive: http://…, https://… or file:///…", _mirror)
PROXY: Final = Kind("URL", "the URL of a proxy, such as http://localhost:3128", _proxy)
STATE: Final = Kind("URL", STORE_EXPECTED, _state)
URL_PATH: Final = Kind("URL path", "a path such as /piuparts/", _doc_root)
PATH: Final = Kind("path", "a path", _path)
KEYRING: Final = Kind("path or none", "the path of a keyring, or none for unsigned archives", _keyring)
BACKEND: Final = Kind("backend", " or ".join(ChrootBackend), _backend)
NETWORK: Final = Kind("scope", " or ".join(NetworkScope), _network)
