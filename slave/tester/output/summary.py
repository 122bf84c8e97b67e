"""What a person wants to know when a test is over: what failed, whose fault that is, how to see it again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.text import Text

from piufarm.outcome import Finding, Origin, Outcome, Severity
from piufarm.slave.tester.output.log import one_line, printable
from piufarm.slave.tester.output.result import GroupResult, RunResult, plain_name

_STYLES: Final = {Outcome.PASS: "bold green", Outcome.FAIL: "bold red", Outcome.UNTESTABLE: "bold yellow"}
_SEVERITY: Final = re.compile(r"^(FAIL|WARN|Warning): ")  # what the colour says, too
_PATHS_SHOWN: Final = 12  # of a finding; the log has all
_LINES_SHOWN: Final = 8  # of a finding that is not about paths: the end of it says why
_LABEL_WIDTH: Final = 11


def summary(result: RunResult, log: Path | None, seconds: float) -> Iterator[Text]:
    """The lines of it. `log` is where the whole log went."""
    for group in result.groups:
        yield _headline(result, group)
        for finding in group.findings:
            if finding.severity is not Severity.INFO:
                yield from _told(finding)
        if group.outcome is Outcome.FAIL:
            yield _labelled("fault", _harmless(group.fault) or "not known for sure")
    if not result.groups or result.outcome is None:
        style = _STYLES[result.outcome] if result.outcome else "bold magenta"
        yield Text(result.outcome.upper() if result.outcome else "NOT TESTED", style=style)
    if result.outcome is not Outcome.PASS:
        yield _labelled("reproduce", result.reproduce)
    for place in result.kept:
        yield _labelled("kept", f"{place}  (piufarm kept enter {place}; piufarm kept remove {place})")
    if log is not None:
        yield _labelled("log", str(log))
    yield _labelled("time", f"{seconds:.1f} s")


def _headline(result: RunResult, group: GroupResult) -> Text:
    versions = result.versions
    names = [f"{name} {versions[name]}" if name in versions else name for name in map(plain_name, group.packages)]
    word = Text(group.outcome.upper(), style=_STYLES[group.outcome]) if group.outcome else Text("LEFT OUT", style="dim")
    test = f"  {group.test} test" if group.test else ""
    return Text.assemble(word, "  ", (_harmless(", ".join(names)), "bold"), test)


def _told(finding: Finding) -> Iterator[Text]:
    style = "red" if finding.severity is Severity.ERROR else "yellow"
    headline, *rest = finding.text.rstrip("\n").split("\n")
    said = _harmless(_SEVERITY.sub("", headline))
    yield Text.assemble("  ", (f"{finding.check:<{_LABEL_WIDTH - 1}}", style), " ", said)
    if finding.origins:
        yield from _listed([_of_origin(origin) for origin in finding.origins])
        return
    if len(rest) > _LINES_SHOWN:
        yield Text(f"      … {len(rest) - _LINES_SHOWN} lines more", style="dim")
    yield from (Text(f"      {_harmless(line)}", style="dim") for line in rest[-_LINES_SHOWN:])


def _listed(rows: Sequence[tuple[str, str]]) -> Iterator[Text]:
    width = min(max(len(path) for path, _ in rows[:_PATHS_SHOWN]), 48)
    for path, about in rows[:_PATHS_SHOWN]:
        yield Text.assemble(f"      {path:<{width}}  ", (about, "dim"))
    if len(rows) > _PATHS_SHOWN:
        yield Text(f"      … {len(rows) - _PATHS_SHOWN} more", style="dim")


def _of_origin(origin: Origin) -> tuple[str, str]:
    facts = []
    if origin.owners:
        facts.append(f"of {', '.join(origin.owners)}")
    if origin.made_by:
        facts.append(f"made by {origin.made_by} ({origin.made_in})")
    if origin.changed_by and (origin.changed_by, origin.changed_in) != (origin.made_by, origin.made_in):
        facts.append(f"changed by {origin.changed_by} ({origin.changed_in})")
    return _harmless(one_line(origin.path)), _harmless(", ".join(facts) or "nobody knows whose")


def _labelled(label: str, text: str) -> Text:
    return Text.assemble("  ", (f"{label:<{_LABEL_WIDTH}}", "dim"), text)


def _harmless(text: str) -> str:
    """What packages have said, with nothing in it that would do something to a terminal."""
    return one_line(printable(text))
