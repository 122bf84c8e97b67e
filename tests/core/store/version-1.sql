-- A store of schema version 1, as the first release wrote it.
BEGIN TRANSACTION;
CREATE TABLE daily_count (
    section_id INTEGER NOT NULL REFERENCES section (id),
    day TEXT NOT NULL,
    state TEXT NOT NULL,
    packages INTEGER NOT NULL,
    PRIMARY KEY (section_id, day, state)
) WITHOUT ROWID;
INSERT INTO "daily_count" VALUES(1,'2026-11-20','cannot-be-tested',0);
INSERT INTO "daily_count" VALUES(1,'2026-11-20','dependency-cannot-be-tested',0);
INSERT INTO "daily_count" VALUES(1,'2026-11-20','dependency-does-not-exist',0);
INSERT INTO "daily_count" VALUES(1,'2026-11-20','dependency-failed-testing',0);
INSERT INTO "daily_count" VALUES(1,'2026-11-20','failed-testing',1);
INSERT INTO "daily_count" VALUES(1,'2026-11-20','outdated',0);
INSERT INTO "daily_count" VALUES(1,'2026-11-20','successfully-tested',1);
INSERT INTO "daily_count" VALUES(1,'2026-11-20','unknown',0);
INSERT INTO "daily_count" VALUES(1,'2026-11-20','waiting-for-dependency-to-be-tested',0);
INSERT INTO "daily_count" VALUES(1,'2026-11-20','waiting-to-be-tested',3);
CREATE TABLE edge (
    section_id INTEGER NOT NULL REFERENCES section (id),
    generation INTEGER NOT NULL,
    target TEXT NOT NULL,
    package TEXT NOT NULL,
    PRIMARY KEY (section_id, generation, target, package)
) WITHOUT ROWID;
INSERT INTO "edge" VALUES(1,2,'base','user');
INSERT INTO "edge" VALUES(1,2,'other','user');
INSERT INTO "edge" VALUES(1,2,'virtual','user');
CREATE TABLE lapsed (
    section_id INTEGER NOT NULL REFERENCES section (id),
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (section_id, package, version, owner)
) WITHOUT ROWID;
INSERT INTO "lapsed" VALUES(1,'base','1','worker1');
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
    UNIQUE (section_id, generation, name)
);
INSERT INTO "package" VALUES(8,1,2,'base','1','1','src-base','1','A Person <a@example.org>',1,'','','virtual','successfully-tested','version 1 passed its test',2,5,0,'',8589934597,990939325,0);
INSERT INTO "package" VALUES(9,1,2,'user','2','2','src-user','2','A Person <a@example.org>',1,'base|other','virtual','','waiting-to-be-tested','all its dependencies are good',1,0,0,'',0,640068843,0);
INSERT INTO "package" VALUES(10,1,2,'alone','3','3','src-alone','3','A Person <a@example.org>',1,'','','','failed-testing','version 3 failed its test',2,0,0,'',0,1997004568,0);
INSERT INTO "package" VALUES(11,1,2,'held','1','1','src-held','1','A Person <a@example.org>',1,'','','','waiting-to-be-tested','ready',2,1,0,'',4294967297,2117504354,0);
INSERT INTO "package" VALUES(12,1,2,'again','1','1','src-again','1','A Person <a@example.org>',1,'','','','waiting-to-be-tested','ready',2,1,0,'',4294967297,717074381,0);
INSERT INTO "package" VALUES(13,1,2,'outside','1','1','src-outside','1','A Person <a@example.org>',0,'','','','unknown','new in the archive; its state has not been computed yet',0,0,0,'',0,1796364165,0);
CREATE TABLE reservation (
    section_id INTEGER NOT NULL REFERENCES section (id),
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    owner TEXT,
    reserved_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    PRIMARY KEY (section_id, package, version)
) WITHOUT ROWID;
INSERT INTO "reservation" VALUES(1,'again','1','worker2',1795176000123456,1795179600123456);
INSERT INTO "reservation" VALUES(1,'base','1','worker3',1795183200123456,1795442400123456);
INSERT INTO "reservation" VALUES(1,'held','1','worker1',1795176000123456,1795348800123456);
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
    log_sha256 TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "run" VALUES('alone-3-fail-worker9-120000',1,'alone','3','fail','current','fail','worker9',1795176000123456,'runs/alone-3-fail-worker9-120000.log',6,'43033c83341b48079264dfb63c5e4275c4f1b2f53cc36f04584a02cac84db7b6');
INSERT INTO "run" VALUES('alone-3-fail-worker9-130000',1,'alone','3','fail','unreserved','fail','worker9',1795179600123456,'runs/alone-3-fail-worker9-130000.log',8,'33a7b215065f2ee8635efb72620bc269a1efb889ba3026560334da7366742374');
INSERT INTO "run" VALUES('base-1-pass-worker1-120000',1,'base','1','pass','current','pass','worker1',1795176000123456,'runs/base-1-pass-worker1-120000.log',6,'43033c83341b48079264dfb63c5e4275c4f1b2f53cc36f04584a02cac84db7b6');
INSERT INTO "run" VALUES('gone-1-pass-worker9-120000',1,'gone','1','pass','retired','pass','worker9',1795176000123456,'runs/gone-1-pass-worker9-120000.log',6,'43033c83341b48079264dfb63c5e4275c4f1b2f53cc36f04584a02cac84db7b6');
CREATE TABLE section (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    generation INTEGER NOT NULL DEFAULT 0,
    last_generation INTEGER NOT NULL DEFAULT 0,
    refreshed_at INTEGER,
    index_digest TEXT NOT NULL DEFAULT '',
    index_size INTEGER NOT NULL DEFAULT 0,
    counter INTEGER NOT NULL DEFAULT 0,
    evaluated INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "section" VALUES(1,'sid',2,2,1795176000123456,'second',6,6,6);
CREATE INDEX package_candidate ON package (section_id, generation, weight DESC, tie)
    WHERE state = 'waiting-to-be-tested' AND listed = 1;
CREATE INDEX package_state ON package (section_id, generation, listed, state);
CREATE INDEX run_of_package ON run (section_id, package, version, received_at);
CREATE UNIQUE INDEX run_current ON run (section_id, package, version) WHERE standing = 'current';
CREATE INDEX reservation_of_owner ON reservation (owner, section_id);
COMMIT;
PRAGMA application_id = 1885959526;
PRAGMA user_version = 1;
