"""`piufarm master move-state`, and what sessions see of it."""

from __future__ import annotations

import fcntl
from contextlib import closing

import pytest

from piufarm.store import open_store
from tests.master.office import SID, Office
from tests.support.postgresql import PostgresqlServer


@pytest.fixture
def new_url(postgresql_server: PostgresqlServer, postgresql_database: str) -> str:
    """A PostgreSQL database without a store, reached with a password that must not be shown."""
    return postgresql_server.cleared(postgresql_database).replace("postgres@", "postgres:sesame@")



def test_a_farm_moves_and_goes_on(office: Office, new_url: str) -> None:
    office.fill("base", "user -> base")
    assert office.converse("section sid\nreserve\n", slave="worker1")[-1] == "ok base 1"
    office.store.close()
    moved = office.command("move-state", new_url)
    assert moved.status == 0, moved.stderr
    told = moved.stdout.decode()
    assert "package:                 2 rows\n" in told
    assert f"Write this into [global] of {office.config}" in told
    assert "  state = postgresql://postgres:***@/" in told
    assert "sesame" not in told
    refused = office.command("status")
    assert refused.status != 0
    assert b"has moved to another store" in refused.stderr
    assert b"let the key `state` name that one" in refused.stderr
    text = office.config.read_text()
    office.config.write_text(text.replace("[global]\n", f"[global]\nstate = {new_url}\n", 1))
    with closing(open_store(new_url, create=False)) as store:
        assert [held.owner for held in store.reservations(SID)] == ["worker1"]
    shown = office.command("status")
    assert shown.status == 0
    assert b"worker1" in shown.stdout


def test_the_line_for_the_configuration_can_be_copied_as_it_is(office: Office) -> None:
    office.fill("base")
    office.store.close()
    moved = office.command("move-state", f"sqlite://{office.master_directory}/new%20store.sqlite")
    assert moved.status == 0, moved.stderr
    (line,) = (line for line in moved.stdout.decode().splitlines() if line.startswith("  state = "))
    text = office.config.read_text()
    office.config.write_text(text.replace("[global]\n", f"[global]\n{line.strip()}\n", 1))
    assert office.command("status").stdout.decode().startswith("sid: 1 packages, ")


def test_a_section_that_somebody_has_for_himself_is_waited_for_by_a_person(office: Office, new_url: str) -> None:
    office.files.root.mkdir(parents=True)
    with (office.files.root / "master.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = office.command("move-state", new_url)
    assert refused.status != 0
    assert b"under maintenance" in refused.stderr
    assert office.converse("section sid\nreserve\n") == ["hello", "ok", "error"]


def test_a_store_is_not_moved_to_where_it_is(office: Office) -> None:
    refused = office.command("move-state", f"sqlite://{office.master_directory}/piufarm.sqlite")
    assert refused.status != 0
    assert b"already" in refused.stderr


def test_a_url_of_no_store_is_refused(office: Office) -> None:
    refused = office.command("move-state", "mysql://account:sesame@host/db")
    assert refused.status != 0
    assert b"no store behind" in refused.stderr
    assert b"sesame" not in refused.stderr
