"""What must hold when the simulated farm has tested everything."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from bench.simulator.ledger import Job, Ledger, Story, Violation
from piufarm.master.layout import SectionFiles
from piufarm.master.states.evaluation import evaluate
from piufarm.master.upkeep.fsck import Check
from piufarm.names import Package, SectionName
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, Run, Standing, Store


def check_end(store: Store, section: SectionName, files: SectionFiles, ledger: Ledger) -> None:
    """Compare the store and the files with what the slaves have seen. Raises Violation."""
    runs: dict[Job, list[Run]] = defaultdict(list)
    for run in store.runs(section):
        runs[run.package, run.version].append(run)
    for job, story in ledger.stories.items():
        _check_story(job, story, runs.get(job, []))
    for job in runs.keys() - ledger.stories.keys():
        raise Violation(f"{job} has results that nobody sent")
    _check_states(store, section)
    _check_counts(store, section, runs)
    _check_files(store, section, files, runs)


def _check_story(job: Job, story: Story, runs: list[Run]) -> None:
    stored = Counter(run.log_sha256 for run in runs)
    lost = story.acknowledged.keys() - stored.keys()
    if lost:
        raise Violation(f"{job}: acknowledged, but not stored: {sorted(lost)}")
    if stored.keys() - story.sent:
        raise Violation(f"{job}: stored, but never sent")
    if any(count > 1 for count in stored.values()):
        raise Violation(f"{job}: one result is stored twice")
    current = [run for run in runs if run.standing is Standing.CURRENT]
    if len(current) != bool(runs):
        raise Violation(f"{job}: {len(current)} current results among {len(runs)}")
    entitled = [digest for digest, held in story.acknowledged.items() if held]
    if entitled and current[0].log_sha256 != entitled[-1]:
        raise Violation(f"{job}: the current result is not the last one that came in time")


def _check_states(store: Store, section: SectionName) -> None:
    """States are those of a computation that starts with nothing but the archive and the results."""
    snapshot = store.snapshot(section)
    unknown = ComputedState(PackageState.UNKNOWN, "")
    fresh = evaluate(replace(snapshot, nodes=[node._replace(stored=unknown) for node in snapshot.nodes]))
    for node in snapshot.nodes:
        computed = fresh.get(Package(node.name), unknown)
        if computed != node.stored:
            raise Violation(f"{node.name} is {node.stored}, from scratch {computed}")


def _check_counts(store: Store, section: SectionName, runs: dict[Job, list[Run]]) -> None:
    counts = store.counts(section)
    listed = Counter(row.state for row in store.packages(section))
    if any(counts[state] != listed[state] for state in PackageState):
        raise Violation(f"the counts {counts} are not those of the packages {listed}")
    tested = counts[PackageState.SUCCESSFULLY_TESTED] + counts[PackageState.FAILED_TESTING]
    current = Counter(run.outcome for of in runs.values() for run in of if run.standing is Standing.CURRENT)
    if tested != current[Outcome.PASS] + current[Outcome.FAIL]:
        raise Violation(f"{tested} packages are tested, the results are {current}")
    for state in (PackageState.WAITING_TO_BE_TESTED, PackageState.UNKNOWN):
        if counts[state]:
            raise Violation(f"{counts[state]} packages are {state} in the end")


def _check_files(store: Store, section: SectionName, files: SectionFiles, runs: dict[Job, list[Run]]) -> None:
    differences = [difference.text for difference in Check(store, section, files, deep=True).differences()]
    if differences:
        raise Violation(f"fsck finds {differences[:5]}")
    told = Counter(line.split(maxsplit=1)[1] for line in files.submissions.read_text().splitlines())
    stored = Counter(f"{run.outcome} {run.package} {run.version}" for of in runs.values() for run in of)
    if missing := stored - told:
        raise Violation(f"submissions.txt lacks {missing}")
