"""Lines of a cron table in /etc/cron.d, as crontab(5) describes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

# cron passes over files of any other name, such as those with a dot that dpkg leaves beside a conffile
TABLE: Final = re.compile(r"/etc/cron\.d/[A-Za-z0-9_-]+")
_TIMES: Final = re.compile(r"(?:@\w+|(?:\S+\s+){4}\S+)\s+(\S+)\s+(\S.*)")
_INPUT: Final = re.compile(r"(?<!\\)%.*")  # what follows a bare percent sign is written to the command
_VARIABLE: Final = re.compile(r"""\s*(?:"(?P<dq>[^"]*)"|'(?P<sq>[^']*)'|(?P<name>[^\s='"]+))\s*=\s*(?P<value>.*?)\s*""")


@dataclass(frozen=True)
class CronJob:
    """A line that starts a command, with the variables set above it. A command ends at its first bare percent sign."""

    user: str
    command: str
    variables: Mapping[str, str]

    @property
    def shell(self) -> str:
        """The program that runs it."""
        return self.variables.get("SHELL") or "/bin/sh"


def parse_cron_table(content: bytes) -> Iterator[CronJob]:
    """The jobs of a table; lines that cron would complain about are passed over."""
    variables: dict[str, str] = {}
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        text = line.strip(" \t")
        if not text or text.startswith("#"):
            continue
        if match := _VARIABLE.fullmatch(text):
            name = match["name"] or match["dq"] or match["sq"] or ""
            value = match["value"]
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            if name:
                variables[name] = value
        elif match := _TIMES.fullmatch(text):
            yield CronJob(match[1], _command(match[2]), dict(variables))


def _command(text: str) -> str:
    return _INPUT.sub("", text).replace("\\%", "%").strip()
