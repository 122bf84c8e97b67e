"""How far two testers agree: a confusion matrix and every disagreement, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.comparing.record import Run, Verdict

_SHOWN_MAX: Final = 8  # entries of one disagreement


@dataclass(frozen=True)
class Pair:
    """What the two said of a package."""

    peer: Run
    ours: Run

    @property
    def same_verdict(self) -> bool:
        return self.peer.verdict is self.ours.verdict

    @property
    def same_markers(self) -> bool:
        return self.peer.markers == self.ours.markers

    @property
    def same_entries(self) -> bool:
        return self.peer.entries == self.ours.entries

    @property
    def is_agreement(self) -> bool:
        """Whether they differ in nothing that is looked at."""
        return self.same_verdict and self.same_markers and self.same_entries

    @property
    def is_comparable(self) -> bool:
        """Whether both said something about the package."""
        return Verdict.TROUBLE not in (self.peer.verdict, self.ours.verdict)


def summary(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The figures."""
    compared = [pair for pair in pairs if pair.is_comparable]
    failed = [pair for pair in compared if pair.peer.verdict is Verdict.FAIL and pair.same_verdict]
    return {
        "packages": len(pairs),
        "comparable": len(compared),
        "matrix": {
            f"{theirs} {mine}": number
            for (theirs, mine), number in sorted(_matrix(pairs).items())
        },
        "same verdict": sum(pair.same_verdict for pair in compared),
        "same markers, all": sum(pair.same_markers for pair in compared),
        "failed by both": len(failed),
        "same markers, failed": sum(pair.same_markers for pair in failed),
        "same files, failed": sum(pair.same_entries for pair in failed),
        "seconds": {
            "peer": round(sum(pair.peer.seconds for pair in compared), 1),
            "ours": round(sum(pair.ours.seconds for pair in compared), 1),
        },
    }


def table(pairs: Sequence[Pair]) -> str:
    """The matrix and the figures, as Markdown."""
    matrix = _matrix(pairs)
    lines = ["| piuparts \\ piufarm | pass | fail | trouble |", "|---|---|---|---|"]
    for theirs in Verdict:
        lines.append(f"| {theirs} | {' | '.join(str(matrix[theirs, mine]) for mine in Verdict)} |")
    figures = summary(pairs)
    compared, failed = figures["comparable"], figures["failed by both"]
    lines += [
        "",
        f"verdict the same: {_share(figures['same verdict'], compared)}",
        f"kinds of problems the same, warnings too: {_share(figures['same markers, all'], compared)}",
        f"of those that both fail, kinds the same: {_share(figures['same markers, failed'], failed)}",
        f"of those that both fail, files the same: {_share(figures['same files, failed'], failed)}",
        f"seconds: piuparts {figures['seconds']['peer']:.0f}, piufarm {figures['seconds']['ours']:.0f}",
    ]
    return "\n".join(lines)


def disagreements(pairs: Sequence[Pair]) -> list[str]:
    """A paragraph for each package that the two do not agree about in every respect."""
    return [_disagreement(pair) for pair in pairs if not pair.is_agreement]


def _disagreement(pair: Pair) -> str:
    verdict = f"{pair.peer.verdict}" if pair.same_verdict else f"{pair.peer.verdict} -> {pair.ours.verdict}"
    lines = [f"{pair.peer.candidate.label}: {verdict}"]
    for what, theirs, mine in (
        ("kinds", pair.peer.markers, pair.ours.markers),
        ("files", pair.peer.entries, pair.ours.entries),
    ):
        lines += [f"  only piuparts, {what}: {_some(theirs - mine)}"] if theirs - mine else []
        lines += [f"  only piufarm, {what}: {_some(mine - theirs)}"] if mine - theirs else []
    return "\n".join(lines)


def _matrix(pairs: Sequence[Pair]) -> Counter[tuple[Verdict, Verdict]]:
    return Counter((pair.peer.verdict, pair.ours.verdict) for pair in pairs)


def _some(names: frozenset[str]) -> str:
    shown = sorted(names)[:_SHOWN_MAX]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" + (f" ({100 * part / whole:.1f} %)" if whole else "")
