"""Which names the archive has: those that can be installed by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from piufarm.slave.tester.examination import Examination

# A package that can be fetched; what only is (or was) installed has none of these.
_FETCHABLE: Final = re.compile(r"^(Filename|MD5sum|SHA1|SHA256):", re.MULTILINE)
_NAME: Final = re.compile(r"^Package: (\S+)$", re.MULTILINE)


def known_names(examination: Examination, names: Sequence[str]) -> list[str]:
    """Those of these names that the archive has, in order, virtual names excepted; the log says which they are."""
    if not names:
        return []
    answer = examination.execute("apt-cache", "show", "--no-all-versions", *names, is_query=True, may_fail=True)
    there = fetchable_packages(answer.output.decode("utf-8", "surrogateescape"))
    known = [name for name in names if name.partition(":")[0] in there]
    unknown = [name for name in names if name not in known]
    if known:
        examination.log.info(f"apt-cache knows about the following packages: {', '.join(known)}")
    else:
        examination.log.info("apt-cache does not know about any of the requested packages")
    if known and unknown:
        examination.log.info(f"the following packages are not in the archive: {', '.join(unknown)}")
    return known


def known_old_names(examination: Examination) -> list[str]:
    """Of the packages under test, and those that are to be there in an old version, those that the archive has."""
    return known_names(examination, [*examination.own_names(), *examination.options.tests.extra_old_packages])


def fetchable_packages(output: str) -> set[str]:
    """The names of packages that `apt-cache show` says can be fetched."""
    records = output.split("\n\n")
    return {match[1] for record in records if _FETCHABLE.search(record) if (match := _NAME.search(record))}
