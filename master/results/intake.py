"""Taking a result in: the one commit point of the farm. docs/store.md has the order of the steps and the reasons."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from piufarm.errors import FarmError
from piufarm.faults import fault_point
from piufarm.files import atomic_writer, fsync_directory
from piufarm.master.layout import SectionFiles
from piufarm.master.results.log_meter import LogMeter
from piufarm.names import Package, SectionName, Version
from piufarm.outcome import Outcome
from piufarm.store.attempts import NewTrouble, RecordedTrouble
from piufarm.store.model import NewRun, Recorded, Store
from piufarm.trouble import TroubleKind


class LogNotStored(FarmError):
    """A log could not be made durable; nothing of it is visible and nothing was acknowledged."""


@dataclass(frozen=True)
class Delivery:
    """A result as it was announced."""

    outcome: Outcome
    package: Package
    version: Version
    slave: str | None
    received_at: datetime


@dataclass(frozen=True)
class TroubleDelivery:
    """A trouble as it was announced."""

    kind: TroubleKind
    package: Package
    version: Version
    slave: str | None
    noted_at: datetime


def new_run_id(moment: datetime) -> str:
    """A name for a run that sorts by time and fits into file names and URLs."""
    return f"{moment:%Y%m%dT%H%M%SZ}-{os.urandom(6).hex()}"


def take_in(
    delivery: Delivery, chunks: Iterable[bytes], *, store: Store, section: SectionName, files: SectionFiles
) -> Recorded:
    """Store a result durably; when this returns it may be acknowledged.

    `chunks` are the log's bytes; whatever they raise undoes everything. Raises LogNotStored, StoreError.
    """
    run_id = new_run_id(delivery.received_at)
    meter = _write_log(files, files.run_log(run_id), chunks)
    recorded = store.record_run(
        section,
        NewRun(
            run_id=run_id,
            package=delivery.package,
            version=delivery.version,
            outcome=delivery.outcome,
            slave=delivery.slave,
            received_at=delivery.received_at,
            log_bytes=meter.size,
            log_sha256=meter.sha256,
            seconds=meter.seconds,
        ),
    )
    fault_point("intake.recorded")
    if recorded.duplicate:
        _drop_second_copy(files.run_log(run_id), files.run_log(recorded.run.run_id))
        fault_point("intake.second-copy-dropped")
    return recorded


def take_trouble_in(
    delivery: TroubleDelivery,
    chunks: Iterable[bytes],
    *,
    store: Store,
    section: SectionName,
    files: SectionFiles,
    max_retries: int,
) -> RecordedTrouble:
    """Store evidence of trouble durably, in the same order of steps as a result. Raises LogNotStored, StoreError."""
    run_id = new_run_id(delivery.noted_at)
    meter = _write_log(files, files.trouble_log(run_id), chunks)
    recorded = store.record_trouble(
        section,
        NewTrouble(
            run_id=run_id,
            package=delivery.package,
            version=delivery.version,
            kind=delivery.kind,
            slave=delivery.slave,
            noted_at=delivery.noted_at,
            log_bytes=meter.size,
            log_sha256=meter.sha256,
        ),
        max_retries=max_retries,
    )
    fault_point("intake.trouble-recorded")
    if recorded.duplicate:
        _drop_second_copy(files.trouble_log(run_id), files.trouble_log(recorded.trouble.run_id))
    return recorded


def _write_log(files: SectionFiles, log: Path, chunks: Iterable[bytes]) -> LogMeter:
    """Write, sync, rename, sync the folder; returns what is to be noted of the log."""
    meter = LogMeter()
    try:
        files.prepare(log.parent)
        with atomic_writer(log) as stream:
            for chunk in chunks:
                stream.write(chunk)
                meter.feed(chunk)
                fault_point("intake.chunk")
    except OSError as error:
        raise LogNotStored(
            f"{log.parent}: {error.strerror or error}", hint="make room or mend the folder; the slave sends it again"
        ) from error
    return meter


def _drop_second_copy(second: Path, first: Path) -> None:
    """Remove a log that was sent twice; should the first copy be missing, the second takes its place."""
    if first.exists():
        second.unlink()
    else:
        second.rename(first)
        fsync_directory(first.parent)
