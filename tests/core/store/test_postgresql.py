"""What is particular to a store in a PostgreSQL database."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from piufarm.names import Package, Version
from piufarm.store import StoreError, open_store
from piufarm.store.attempts import NewTrouble
from piufarm.store.model import Standing, Store
from piufarm.store.postgresql.cursor import translated
from piufarm.store.postgresql.database import PostgresqlDatabase
from piufarm.store.sql.store import SqlStore
from piufarm.trouble import TroubleKind
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result
from tests.core.store.processes import in_processes
from tests.support.postgresql import PostgresqlServer
from tests.support.wait import wait_until


@pytest.fixture
def url(postgresql_server: PostgresqlServer, postgresql_database: str) -> str:
    """An empty database."""
    return postgresql_server.cleared(postgresql_database)


@pytest.fixture
def running(url: str) -> Iterator[Store]:
    """An empty store."""
    with closing(open_store(url)) as store:
        yield store


def _connections(server: PostgresqlServer) -> int:
    found = server.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'piufarm'")
    return int(str(found[0][0]))


def test_a_missing_store_is_not_made_unless_asked(url: str, postgresql_server: PostgresqlServer) -> None:
    with pytest.raises(StoreError, match="no store at") as caught:
        open_store(url, create=False)
    assert caught.value.hint
    assert postgresql_server.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'piufarm'", url=url) == []


def _open(number: int, url: str) -> list[object]:
    with closing(open_store(url)) as store:
        return list(store.sections())


def test_many_processes_may_make_the_same_store_at_once(url: str) -> None:
    assert in_processes(6, _open, url) == [[]] * 6


def test_a_store_of_a_newer_version_is_refused(
    url: str, running: Store, postgresql_server: PostgresqlServer
) -> None:
    postgresql_server.execute("UPDATE piufarm.schema_version SET version = 99", url=url)
    with pytest.raises(StoreError, match=r"written by a newer piufarm \(schema 99") as caught:
        open_store(url)
    assert caught.value.hint == "upgrade piufarm on this host"


def test_what_else_is_in_the_database_is_left_alone(url: str, postgresql_server: PostgresqlServer) -> None:
    postgresql_server.execute("CREATE TABLE public.package (precious TEXT)", url=url)
    try:
        with closing(open_store(url)) as store:
            fill(store, package("a"))
        assert postgresql_server.execute("SELECT * FROM public.package", url=url) == []
    finally:
        postgresql_server.execute("DROP TABLE public.package", url=url)


def test_a_connection_is_there_only_while_it_is_needed(running: Store, postgresql_server: PostgresqlServer) -> None:
    running.record_run(SID, result("a"))
    assert _connections(postgresql_server) == 1
    running.release()
    wait_until(lambda: _connections(postgresql_server) == 0, "the end of the connection")
    assert len(list(running.runs(SID))) == 1


def test_results_are_on_disk_when_they_are_acknowledged(url: str) -> None:
    careless = f"{url}&options=-csynchronous_commit%3Doff"
    with closing(PostgresqlDatabase(careless, create=True)) as database, database.read() as cursor:
        assert cursor.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_server_that_is_down_is_told_and_when_it_is_back_the_next_request_is_answered(
    running: Store, postgresql_server: PostgresqlServer
) -> None:
    running.record_run(SID, result("a"))
    postgresql_server.stop()
    try:
        with pytest.raises(StoreError) as caught:
            running.record_run(SID, result("b"))
    finally:
        postgresql_server.start()
    assert caught.value.hint == "see whether the database server runs and whether the key `state` names it"
    running.record_run(SID, result("b"))
    assert [run.package for run in running.runs(SID)] == ["a", "b"]


def test_a_restart_between_two_requests_is_not_noticed(running: Store, postgresql_server: PostgresqlServer) -> None:
    running.record_run(SID, result("a"))
    postgresql_server.stop()
    postgresql_server.start()
    running.record_run(SID, result("b"))
    assert [run.package for run in running.runs(SID)] == ["a", "b"]


def test_a_server_that_was_killed_has_kept_what_it_acknowledged(
    running: Store, postgresql_server: PostgresqlServer
) -> None:
    running.record_run(SID, result("a"))
    postgresql_server.stop(signal.SIGKILL)
    postgresql_server.start()
    assert [run.package for run in running.runs(SID)] == ["a"]


def test_a_connection_that_is_cut_in_a_transaction_leaves_nothing_of_it(
    url: str, running: Store, postgresql_server: PostgresqlServer
) -> None:
    with closing(PostgresqlDatabase(url, create=False)) as database:
        with pytest.raises(StoreError) as caught, database.write() as cursor:
            (process,) = cursor.execute("SELECT pg_backend_pid()").fetchone()
            cursor.execute("INSERT INTO section (name) VALUES ('half')")
            postgresql_server.execute(f"SELECT pg_terminate_backend({process})")
            cursor.execute("INSERT INTO section (name) VALUES ('done')")
        assert caught.value.hint
        assert running.sections() == []
        with database.write() as cursor:
            cursor.execute("INSERT INTO section (name) VALUES ('whole')")
    assert [row.name for row in running.sections()] == ["whole"]


def test_an_error_in_a_block_undoes_it_and_the_connection_goes_on(url: str, running: Store) -> None:
    with closing(PostgresqlDatabase(url, create=False)) as database:
        with pytest.raises(KeyError), database.write() as cursor:
            cursor.execute("INSERT INTO section (name) VALUES ('half')")
            raise KeyError
        with pytest.raises(StoreError), database.write() as cursor:
            cursor.also("INSERT INTO section (name) VALUES ('half')")
            cursor.also("no such statement")
        with database.write() as cursor:
            cursor.also("INSERT INTO section (name) VALUES ('whole')")
    assert [row.name for row in running.sections()] == ["whole"]


def test_whoever_finds_all_connections_taken_waits_a_moment(url: str, postgresql_server: PostgresqlServer) -> None:
    open_store(url).close()
    with ExitStack() as taken:
        with pytest.raises(psycopg2.OperationalError):
            for _ in range(100):
                taken.enter_context(closing(psycopg2.connect(url)))
        give_back = threading.Timer(0.3, taken.pop_all().close)
        give_back.start()
        with closing(open_store(url)) as store:
            assert store.sections() == []
        give_back.join()


def test_a_writer_that_is_suspended_is_waited_for_no_longer_than_the_lock_timeout(
    url: str, running: Store
) -> None:
    running.record_run(SID, result("a"))
    with closing(PostgresqlDatabase(url, create=False)) as database, ExitStack() as suspended:
        holder = suspended.enter_context(closing(PostgresqlDatabase(url, create=False)))
        cursor = suspended.enter_context(holder.write())
        cursor.execute("SELECT 1 FROM section FOR UPDATE")
        with pytest.raises(StoreError, match="lock timeout") as caught, database.write() as other:
            other.execute("SET LOCAL lock_timeout = 50")
            other.execute("UPDATE section SET counter = 1")
    assert caught.value.hint is not None
    assert "pg_stat_activity" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "words", "hint"),
    [
        (("?host", "?dbname=nowhere&host"), 'database "nowhere" does not exist', "createdb"),
        (("//postgres@", "//stranger@"), 'role "stranger" does not exist', "createuser"),
        (("host=/", "host=/nowhere/"), "No such file", "whether the database server runs"),
        (("postgres@/", "postgres@127.0.0.1:1/"), "refused", "whether the database server runs"),
        (("?host", "?service=none&host"), "definition of service", "pg_service.conf"),
        (("?host", "?nonsense=1&host"), "nonsense", None),
    ],
)
def test_whatever_keeps_us_from_the_database_is_told_with_a_next_step(
    url: str, change: tuple[str, str], words: str, hint: str | None
) -> None:
    if "127.0.0.1" in change[1]:
        url = url.split("?")[0]
    with pytest.raises(StoreError, match=words) as caught:
        open_store(url.replace(*change))
    if hint is not None:
        assert caught.value.hint is not None
        assert hint in caught.value.hint


def test_an_account_that_may_not_write_is_told(url: str, running: Store, postgresql_server: PostgresqlServer) -> None:
    postgresql_server.execute("CREATE ROLE reader LOGIN")
    try:
        postgresql_server.execute("GRANT USAGE ON SCHEMA piufarm TO reader", url=url)
        postgresql_server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA piufarm TO reader", url=url)
        with closing(open_store(url.replace("//postgres@", "//reader@"))) as store:
            assert store.sections() == []
            with pytest.raises(StoreError, match="permission denied") as caught:
                store.record_run(SID, result("a"))
        assert caught.value.hint is not None
        assert "own" in caught.value.hint
    finally:
        postgresql_server.execute("DROP OWNED BY reader", url=url)
        postgresql_server.execute("DROP ROLE reader")


def test_a_standby_is_told(url: str, running: Store) -> None:
    # options of the server's settings take the place of a standby, which answers in the same words
    standby = f"{url}&options=-cdefault_transaction_read_only%3Don"
    with closing(open_store(standby)) as store, pytest.raises(StoreError, match="read-only") as caught:
        store.record_run(SID, result("a"))
    assert caught.value.hint is not None
    assert "primary" in caught.value.hint


def store_of(store: Store) -> PostgresqlDatabase:
    """The database behind a store."""
    assert isinstance(store, SqlStore)
    assert isinstance(store._database, PostgresqlDatabase)
    return store._database


def test_a_password_is_in_no_message(url: str) -> None:
    for secret in (
        "postgresql://farm:sesame@127.0.0.1:1/db",
        "postgresql://farm:ses@me@127.0.0.1:1/db",
        "postgresql://farm@127.0.0.1:1/db?password=sesame",
        "postgresql://farm:sesame@127.0.0.1:1/ db",
    ):
        with pytest.raises(StoreError) as caught:
            open_store(secret)
        assert "sesame" not in str(caught.value) + repr(caught.value) + str(caught.value.hint)


@pytest.mark.parametrize(
    "word", ["plain", "tab\there", "line\nbreak", "back\\slash", r"\N", "quote ' and \" %s %(a)s :name", "grüß 🐧"]
)
def test_any_text_comes_back_as_it_was(url: str, running: Store, word: str) -> None:
    with store_of(running).write() as cursor:
        cursor.load("section", ("name", "index_digest", "refreshed_at"), [(word, word, None)])
        cursor.execute("INSERT INTO section (name, index_digest) VALUES ('b', :digest)", {"digest": word})
        rows = cursor.execute("SELECT index_digest, refreshed_at FROM section ORDER BY id").fetchall()
    assert rows == [(word, None), (word, None)]


def test_names_are_sorted_as_everywhere_else(running: Store) -> None:
    fill(running, *(package(name) for name in ("b", "a-b", "ab", "a.b", "a+b")))
    assert [row.name for row in running.packages(SID)] == ["a+b", "a-b", "a.b", "ab", "b"]


def test_parameters_are_named_and_percent_signs_are_plain() -> None:
    assert translated("SELECT 5 % 2, :one, :two_2 WHERE x LIKE 'a%'") == (
        "SELECT 5 %% 2, %(one)s, %(two_2)s WHERE x LIKE 'a%%'"
    )


def test_a_reader_that_takes_its_time_sees_one_moment_and_is_in_nobodys_way(running: Store) -> None:
    fill(running, *(package(f"p{number:04}") for number in range(3000)))
    rows = running.packages(SID)
    assert next(rows).name == "p0000"
    fill(running, package("other"))
    assert len(list(rows)) == 2999
    assert [row.name for row in running.packages(SID)] == ["other"]


def test_a_process_that_is_suspended_in_a_transaction_loses_it(url: str, running: Store) -> None:
    running.record_run(SID, result("a"))
    child = os.fork()
    if child == 0:
        with PostgresqlDatabase(url, create=False).write() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 100")
            cursor.execute("UPDATE section SET counter = 99")
            os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    try:
        running.record_run(SID, result("b"))  # would give up after 30 s
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert running.change_counter(SID) == 2


def test_a_result_of_what_is_held_back_waits_for_the_section_before_it_has_the_package(
    url: str, running: Store, postgresql_server: PostgresqlServer
) -> None:
    """As whoever writes states that follow from a result does: the other way round each would wait for the other."""
    fill(running, package("a"))
    make_candidates(running, a=1)
    running.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR)
    trouble = NewTrouble("t", Package("a"), Version("1"), TroubleKind.DISK, "worker1", NOON, 0, "")
    assert running.record_trouble(SID, trouble, max_retries=1).held
    with closing(psycopg2.connect(url)) as other, closing(other.cursor()) as cursor:
        cursor.execute("SELECT 1 FROM piufarm.section FOR NO KEY UPDATE")
        with ThreadPoolExecutor() as threads:
            recorded = threads.submit(running.record_run, SID, result("a", slave="worker2"))
            waiting = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'piufarm' AND wait_event_type = 'Lock'"
            wait_until(lambda: bool(postgresql_server.execute(waiting)), "a result that waits", seconds=20)
            cursor.execute("SELECT 1 FROM piufarm.package FOR NO KEY UPDATE NOWAIT")
            other.commit()
            assert recorded.result().run.standing is Standing.CURRENT
    assert running.reserve(SID, owner="worker2", now=NOON, deadline=NOON + HOUR) is None
    assert running.holds(SID) == []


def test_the_runs_of_one_package_are_read_without_a_connection_of_their_own(
    running: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session looks them up for each package that it hands out to be tested again."""
    running.record_run(SID, result("a"))
    monkeypatch.setattr("piufarm.store.postgresql.database.connect", lambda *_, **__: pytest.fail("a connection"))
    assert [run.package for run in running.runs(SID, package=Package("a"))] == ["a"]


@pytest.mark.parametrize("code", ["40P01", "40001", "53200", "25P03", "XX001"])
def test_errors_of_the_server_are_told_with_a_next_step(url: str, running: Store, code: str) -> None:
    with (
        closing(PostgresqlDatabase(url, create=False)) as database,
        pytest.raises(StoreError) as caught,
        database.write() as cursor,
    ):
        cursor.execute(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$")
    assert caught.value.hint


def test_a_named_lock_outlives_the_patience_of_the_server_with_idle_connections(
    url: str, running: Store, postgresql_server: PostgresqlServer
) -> None:
    database = parse_dsn(url)["dbname"]
    postgresql_server.execute(f"ALTER DATABASE {database} SET idle_session_timeout = '100ms'")
    try:
        with running.exclusive("refresh sid") as mine:
            assert mine
            time.sleep(0.5)
            assert running.is_held("refresh sid")
    finally:
        postgresql_server.execute(f"ALTER DATABASE {database} RESET idle_session_timeout")


def test_both_ends_of_a_connection_notice_within_a_minute_that_the_other_host_has_gone(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The locks of a master host without power end with that; a server on a Unix socket does not show the settings."""
    asked: list[dict[str, str]] = []
    real = psycopg2.connect

    def connect(**parameters: str) -> object:
        asked.append(parameters)
        return real(**parameters)

    monkeypatch.setattr("psycopg2.connect", connect)
    with closing(open_store(url)):
        pass
    (parameters, *_) = asked
    server = dict(option.split("=") for option in parameters["options"].split("-c ") if option)
    for end in (parameters, {name.removeprefix("tcp_"): value.strip() for name, value in server.items()}):
        idle, interval, count = (int(end[f"keepalives_{what}"]) for what in ("idle", "interval", "count"))
        assert idle + interval * count <= 60
