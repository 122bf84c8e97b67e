"""The classic view of the results: hard links `<outcome>/<package>_<version>.log`, derived from the store's rows."""

from __future__ import annotations

from pathlib import Path

from piufarm.faults import fault_point
from piufarm.master.layout import SectionFiles
from piufarm.store.model import Placement, Recorded, Run, Standing


def show(recorded: Recorded, files: SectionFiles) -> None:
    """Let people and other tools see a result that was just committed. Raises OSError; `fsck` then catches up."""
    run = recorded.run
    if recorded.duplicate and (run.standing is not Standing.CURRENT or _is_shown(run, files)):
        return
    if run.standing is Standing.CURRENT:
        link_log(files.run_log(run.run_id), files.classic_of(run))
        files.classic_of(run).with_suffix(".kpr").unlink(missing_ok=True)  # classifies the log that was here before
        if recorded.superseded is not None:
            hide(recorded.superseded, files, behind=run)
            fault_point("classic.older-hidden")
    note_submission(run, files)
    fault_point("classic.noted")


def _is_shown(run: Run, files: SectionFiles) -> bool:
    """Whether a current log is seen anywhere; if not, its session ended right after the commit."""
    log = files.run_log(run.run_id)
    return any(is_same_file(files.classic(place, run.package, run.version), log) for place in Placement)


def hide(old: Run, files: SectionFiles, *, behind: Run) -> None:
    """Remove the links of a superseded run, also those that a person has moved since anybody last looked."""
    log = files.run_log(old.run_id)
    for place in Placement:
        name = files.classic(place, old.package, old.version)
        if place is not behind.placement and (place is old.placement or is_same_file(name, log)):
            name.unlink(missing_ok=True)


def take_down(old: Run, files: SectionFiles) -> None:
    """Remove the links of a run that is not current any more and has no successor. Raises OSError."""
    log = files.run_log(old.run_id)
    for place in Placement:
        name = files.classic(place, old.package, old.version)
        if is_same_file(name, log):
            name.unlink(missing_ok=True)


def link_log(log: Path, name: Path) -> None:
    """Make `name` a hard link to `log` in one step, whatever it was before."""
    name.parent.mkdir(parents=True, exist_ok=True)
    temporary = name.parent / f".new-{log.stem}"
    temporary.unlink(missing_ok=True)
    try:
        temporary.hardlink_to(log)
        fault_point("classic.link-made")
        temporary.replace(name)
        fault_point("classic.link-shown")
    finally:
        temporary.unlink(missing_ok=True)  # renaming onto another link of the same file does nothing at all


def retire(run: Run, files: SectionFiles) -> None:
    """Move a retired run's log out of sight, into archive/. Raises OSError."""
    name = files.classic_of(run)
    log = files.run_log(run.run_id)
    if log.exists():
        link_log(log, files.archived(run))
        fault_point("classic.archived")
    if is_same_file(name, log):
        name.unlink()


def is_same_file(name: Path, log: Path) -> bool:
    """Whether both exist and are links to one file."""
    try:
        return name.samefile(log)
    except FileNotFoundError:
        return False


def note_submission(run: Run, files: SectionFiles) -> None:
    """Append a line `<unix-time> <result> <package> <version>` to submissions.txt."""
    with files.submissions.open("ab", buffering=0) as stream:
        stream.write(f"{int(run.received_at.timestamp())} {run.outcome} {run.package} {run.version}\n".encode())
