"""The tables and their version. docs/store.md explains the tables."""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 2

# Times are microseconds since 1970 UTC. `generation` numbers the archive snapshots of a section; rows of others than
# `section.generation` are being staged or thrown away. `dependents` has a row for every name that a dependency
# mentions: the packages that do so, and those that provide it. `section.revision` goes up whenever a state changes;
# `looks_into.seen` is the revision of the other section that the states of this one take account of.
# `free` is 1 while nobody holds a package and nothing holds it back; `retest_rank` is above 0 while it is marked to be
# tested again (2^62 more if it has passed: failures come first), `retestable` if the computation says that it can be.
# A trouble that was `counted` speaks against its package's version. `attempts` are the last of a slave: + a result, - a
# trouble.
TABLES: Final = """
CREATE TABLE section (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    generation INTEGER NOT NULL DEFAULT 0,
    last_generation INTEGER NOT NULL DEFAULT 0,
    refreshed_at INTEGER,
    index_digest TEXT NOT NULL DEFAULT '',
    index_size INTEGER NOT NULL DEFAULT 0,
    counter INTEGER NOT NULL DEFAULT 0,
    evaluated INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE looks_into (
    section_id INTEGER NOT NULL REFERENCES section (id),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (section_id, position)
) WITHOUT ROWID;

CREATE TABLE package (
    id INTEGER PRIMARY KEY,
    section_id INTEGER NOT NULL REFERENCES section (id),
    generation INTEGER NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    test_version TEXT NOT NULL,
    source TEXT NOT NULL,
    source_version TEXT NOT NULL,
    maintainer TEXT NOT NULL,
    listed INTEGER NOT NULL,
    depends TEXT NOT NULL,
    pre_depends TEXT NOT NULL,
    provides TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    chain INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    chosen TEXT NOT NULL,
    weight INTEGER NOT NULL,
    tie INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    free INTEGER NOT NULL DEFAULT 1,
    retestable INTEGER NOT NULL DEFAULT 0,
    blocker TEXT NOT NULL DEFAULT '',
    retest_rank INTEGER NOT NULL DEFAULT 0,
    UNIQUE (section_id, generation, name)
);
-- with the columns of its condition, so that counting candidates need not look at their rows
CREATE INDEX package_candidate ON package (section_id, generation, weight DESC, tie, state, listed, free)
    WHERE state = 'waiting-to-be-tested' AND listed = 1 AND free = 1;
CREATE INDEX package_retest ON package (section_id, generation, weight DESC, retest_rank)
    WHERE retestable = 1 AND retest_rank > 0 AND listed = 1 AND free = 1;
CREATE INDEX package_state ON package (section_id, generation, listed, state);
CREATE INDEX package_changed ON package (section_id, generation, changed) WHERE changed > 0;

CREATE TABLE dependents (
    section_id INTEGER NOT NULL REFERENCES section (id),
    generation INTEGER NOT NULL,
    name TEXT NOT NULL,
    packages TEXT NOT NULL,
    providers TEXT NOT NULL,
    PRIMARY KEY (section_id, generation, name)
) WITHOUT ROWID;

CREATE TABLE run (
    id TEXT PRIMARY KEY,
    section_id INTEGER NOT NULL REFERENCES section (id),
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    outcome TEXT NOT NULL,
    standing TEXT NOT NULL,
    placement TEXT NOT NULL,
    slave TEXT,
    received_at INTEGER NOT NULL,
    log TEXT NOT NULL,
    log_bytes INTEGER NOT NULL,
    log_sha256 TEXT NOT NULL,
    seconds INTEGER
) WITHOUT ROWID;
CREATE INDEX run_of_package ON run (section_id, package, version, received_at);
CREATE UNIQUE INDEX run_current ON run (section_id, package, version) WHERE standing = 'current';
CREATE INDEX run_timed ON run (section_id, received_at, seconds) WHERE seconds IS NOT NULL;

CREATE TABLE classification (
    run_id TEXT NOT NULL REFERENCES run (id),
    problem TEXT NOT NULL,
    PRIMARY KEY (run_id, problem)
) WITHOUT ROWID;
CREATE INDEX classification_of_problem ON classification (problem);

CREATE TABLE reservation (
    section_id INTEGER NOT NULL REFERENCES section (id),
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    owner TEXT,
    reserved_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    lease INTEGER NOT NULL DEFAULT 0,
    abandoned INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (section_id, package, version)
) WITHOUT ROWID;
CREATE INDEX reservation_of_owner ON reservation (owner, section_id);
CREATE INDEX reservation_deadline ON reservation (section_id, deadline);

CREATE TABLE lapsed (
    section_id INTEGER NOT NULL REFERENCES section (id),
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    owner TEXT NOT NULL,
    reserved_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (section_id, package, version, owner)
) WITHOUT ROWID;

CREATE TABLE trouble (
    id TEXT PRIMARY KEY,
    section_id INTEGER NOT NULL REFERENCES section (id),
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    slave TEXT,
    kind TEXT NOT NULL,
    noted_at INTEGER NOT NULL,
    log TEXT,
    log_bytes INTEGER NOT NULL,
    log_sha256 TEXT NOT NULL,
    counted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX trouble_of_package ON trouble (section_id, package, version, slave);
CREATE INDEX trouble_of_slave ON trouble (slave, noted_at);

CREATE TABLE hold (
    section_id INTEGER NOT NULL REFERENCES section (id),
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    held_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (section_id, package, version)
) WITHOUT ROWID;

CREATE TABLE recycle (
    section_id INTEGER NOT NULL REFERENCES section (id),
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    queued_at INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    PRIMARY KEY (section_id, package, version)
) WITHOUT ROWID;

CREATE TABLE slave (
    name TEXT PRIMARY KEY,
    last_seen INTEGER NOT NULL,
    attempts TEXT NOT NULL DEFAULT '',
    drained_at INTEGER
) WITHOUT ROWID;

CREATE TABLE contact (
    section_id INTEGER NOT NULL REFERENCES section (id),
    slave TEXT NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (section_id, slave)
) WITHOUT ROWID;

CREATE TABLE daily_count (
    section_id INTEGER NOT NULL REFERENCES section (id),
    day TEXT NOT NULL,
    state TEXT NOT NULL,
    packages INTEGER NOT NULL,
    PRIMARY KEY (section_id, day, state)
) WITHOUT ROWID;
"""
