"""summary.json: results by source package, of a section and of all; format 1.0, read by other services.

`packages` maps a source to {suite: [flag, blocked, url]}: F failed, X untestable or held up by a failure, W waits,
P passed, - unknown; `blocked` counts the packages that failed binaries hold up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from piufarm.config.model import Global
from piufarm.report.paths import SitePath, url
from piufarm.report.section_model import SectionModel
from piufarm.states import PackageState

SUMMARY_NAME: Final = "summary.json"
SUMMARY_ID: Final = "Piuparts Package Test Results Summary"
SUMMARY_VERSION: Final = "1.0"
OVERALL: Final = "overall"
_WORST_FIRST: Final = "FXWP-"
_FLAGS: Final[Mapping[PackageState, str]] = {
    PackageState.FAILED_TESTING: "F",
    PackageState.CANNOT_BE_TESTED: "X",
    PackageState.DEPENDENCY_FAILED: "X",
    PackageState.DEPENDENCY_CANNOT_BE_TESTED: "X",
    PackageState.DEPENDENCY_DOES_NOT_EXIST: "X",
    PackageState.WAITING_TO_BE_TESTED: "W",
    PackageState.WAITING_FOR_DEPENDENCY: "W",
    PackageState.SUCCESSFULLY_TESTED: "P",
    PackageState.UNKNOWN: "-",
    PackageState.OUTDATED: "-",
}


class Verdict(NamedTuple):
    """What is said about a source in one suite; written as a list of three."""

    flag: str
    blocked: int
    url: str

    def worse(self, other: Verdict) -> Verdict:
        """The worse flag, the larger count; on equal flags this one's address stays."""
        worst = min(self, other, key=lambda verdict: _WORST_FIRST.index(verdict.flag))
        return worst._replace(blocked=max(self.blocked, other.blocked))


Verdicts = dict[str, dict[str, Verdict]]  # by source, then by suite


def section_verdicts(model: SectionModel, suites: Sequence[str], farm: Global) -> Verdicts:
    """The verdicts of one section: the worst of each source's binaries, of outdated ones as other sections see them."""
    verdicts: Verdicts = {}
    for source, rows in model.sources.items():
        address = page_url(farm, model.paths.source(source))
        binaries = [model.elsewhere.get(row.name, row) for row in rows]
        flags = [_FLAGS[binary.state] for binary in binaries]
        blocked = max(binary.blocked if flag == "F" else 0 for binary, flag in zip(binaries, flags, strict=True))
        verdict = Verdict(min(flags, key=_WORST_FIRST.index), blocked, address)
        verdicts[source] = dict.fromkeys(suites, verdict)
    return verdicts


def page_url(farm: Global, path: SitePath) -> str:
    """The public address of a page."""
    return f"https://{farm.web_host}{farm.doc_root}/{url(path)}"


def merge(sections: Iterable[Verdicts]) -> Verdicts:
    """The verdicts of all sections, the most important section first, with `overall`, the worst of them."""
    merged: Verdicts = {}
    for verdicts in sections:
        for source, suites in verdicts.items():
            target = merged.setdefault(source, {})
            for suite, verdict in suites.items():
                for name in (suite, OVERALL):
                    target[name] = target[name].worse(verdict) if name in target else verdict
    return merged


def render_summary(verdicts: Verdicts, farm: Global, now: datetime) -> str:
    """The file's text."""
    content = {
        "_comment": f"Results of package tests by source package; made by piufarm, see https://{farm.web_host}"
        f"{farm.doc_root}/",
        "_date": f"{now:%a %b} {now.day} {now:%H:%M:%S UTC %Y}",
        "_id": SUMMARY_ID,
        "_type": "source",
        "_version": SUMMARY_VERSION,
        "packages": verdicts,
    }
    return json.dumps(content, indent=1, sort_keys=True)


def read_summary(path: Path) -> Verdicts:
    """The verdicts in a section's summary of an earlier run; none if it is absent or not one of ours."""
    try:
        content = json.loads(path.read_bytes())
        if (content["_id"], content["_version"]) != (SUMMARY_ID, SUMMARY_VERSION):
            return {}
        return {
            source: {suite: _verdict(*verdict) for suite, verdict in suites.items()}
            for source, suites in content["packages"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _verdict(flag: str, blocked: int, address: str) -> Verdict:
    if flag not in _WORST_FIRST or len(flag) != 1 or not isinstance(blocked, int) or not isinstance(address, str):
        raise ValueError(f"not a verdict: {flag!r}, {blocked!r}, {address!r}")
    return Verdict(flag, blocked, address)
