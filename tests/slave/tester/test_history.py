from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from piufarm.slave.chroot.interface import Mark, MarkKind, Placement
from piufarm.slave.tester.blame.history import History

COMMAND, ENDED, SCRIPT, SCRIPT_ENDED = (
    MarkKind.COMMAND, MarkKind.COMMAND_ENDED, MarkKind.SCRIPT, MarkKind.SCRIPT_ENDED,
)  # fmt: skip


def mark(kind: MarkKind, at: int, package: str = "", text: str = "", strays: Sequence[str] = ()) -> Mark:
    """A mark whose inode number is also its time, in milliseconds."""
    return Mark(kind, at, at * 1_000_000, package, text, tuple(strays))


def place(made: int, changed: float | None = None) -> Placement:
    return Placement(made, int((changed or made) * 1_000_000), int((changed or made) * 1_000_000))


INSTALLATION = [
    mark(COMMAND, 10, text="apt-get"),
    mark(SCRIPT, 20, "dep", "postinst configure"),
    mark(SCRIPT_ENDED, 30),
    mark(SCRIPT, 40, "own", "postinst configure", ["dep"]),
    mark(SCRIPT_ENDED, 50),
    mark(ENDED, 60),
]


def test_what_is_made_while_a_script_runs_is_its_packages() -> None:
    history = History(INSTALLATION)
    assert history.made(place(25)).actor == ("dep", "postinst configure")
    assert history.made(place(35)).actor is None, "dpkg itself"
    assert history.made(place(5)).actor is None, "before anything ran"


def test_while_something_else_still_runs_nobody_is_named() -> None:
    assert History(INSTALLATION).made(place(45)).actor is None


def test_what_was_left_running_is_named_when_it_is_alone() -> None:
    history = History([*INSTALLATION, mark(ENDED, 70, strays=["dep"])])
    assert history.made(place(75)).actor == ("dep", "a process that it left running")


def test_a_process_of_unknown_origin_makes_all_doubtful() -> None:
    history = History([mark(SCRIPT, 10, "dep", "postinst", ["?"])])
    assert history.made(place(15)).actor is None


def test_a_change_is_told_from_the_making() -> None:
    history = History([*INSTALLATION[:3], mark(SCRIPT, 40, "own", "postinst configure"), mark(SCRIPT_ENDED, 50)])
    span = history.changed(place(25, 45))
    assert span is not None and span.actor == ("own", "postinst configure")


def test_a_change_at_the_time_of_a_mark_belongs_to_the_maker() -> None:
    """The clock of file systems stands still for a while: what was made just before a mark has the same time."""
    span = History(INSTALLATION).changed(place(25, 30))
    assert span is not None and span.package == "dep"


def test_two_scripts_within_one_tick_are_not_told_apart() -> None:
    marks = [mark(SCRIPT, 10, "a", "postinst"), mark(SCRIPT_ENDED, 20), mark(SCRIPT, 30, "b", "postinst")]
    same_time = [each._replace(time_ns=7) for each in marks]
    earlier = [mark(SCRIPT, 1, "maker", "preinst")._replace(time_ns=1), mark(SCRIPT_ENDED, 3)._replace(time_ns=3)]
    assert History([*earlier, *same_time]).changed(Placement(2, 7, 7)) is None


def test_all_who_were_there_between_two_moments_are_known() -> None:
    assert History(INSTALLATION).suspects_between(place(15), 45_000_000) == {"dep", "own"}
    assert History(INSTALLATION).suspects_between(place(25), 25_000_000) == {"dep"}


def test_all_who_were_there_until_a_moment_are_known() -> None:
    assert History(INSTALLATION).suspects_until(25_000_000) == {"dep"}
    assert History(INSTALLATION).suspects_until(15_000_000) == set()
    assert History(INSTALLATION).suspects_until(99_000_000) == {"dep", "own"}


def test_a_command_that_could_have_done_anything_makes_all_doubtful() -> None:
    query, script = (
        [mark(COMMAND, 70, text=text), mark(ENDED, 80)] for text in ("dpkg-query", "/tmp/scripts/post_install")
    )
    assert History([*INSTALLATION, *query]).suspects_between(place(45), 99_000_000) == {"dep", "own"}
    assert History([*INSTALLATION, *script]).suspects_between(place(45), 99_000_000) == {"dep", "own", "?"}
    assert History([*INSTALLATION, *script]).suspects_between(place(45), 55_000_000) == {"dep", "own"}


def test_the_last_command_is_told_whether_it_has_ended_or_not() -> None:
    for marks in (INSTALLATION, INSTALLATION[:-1]):
        assert [span.package for span in History(marks).last_command() if span.package] == ["dep", "own"]
    removal = [mark(COMMAND, 70, text="dpkg"), mark(SCRIPT, 80, "own", "postrm purge"), mark(ENDED, 90)]
    last = History([*INSTALLATION, *removal]).last_command()
    assert [(span.command, span.package) for span in last] == [("dpkg", ""), ("dpkg", "own")]


def test_what_came_after_a_full_disk_is_not_known() -> None:
    history = History([*INSTALLATION[:3], mark(SCRIPT, 40, "own", "postinst")._replace(inode=0), *INSTALLATION[4:]])
    assert history.made(place(25)).actor == ("dep", "postinst configure")
    assert history.made(place(45)).actor is None
    assert History([*INSTALLATION[:2], mark(ENDED, 0)]).made(place(25)).actor is None, "it may have been later"
    assert not History([]).is_known


marks = st.lists(
    st.builds(
        Mark,
        st.sampled_from(MarkKind),
        st.integers(1, 9),
        st.integers(0, 9),
        st.sampled_from(["a", "b"]),
        st.just("postinst"),
        st.sampled_from([(), ("a",), ("a", "b"), ("?",)]),
    ),
    max_size=12,
).map(lambda found: [
    each._replace(inode=inode, time_ns=time)
    for each, inode, time in zip(found, sorted(m.inode for m in found), sorted(m.time_ns for m in found), strict=True)
])


@given(marks, st.builds(Placement, st.integers(0, 10), st.integers(0, 10), st.integers(0, 10)))
def test_whoever_is_named_was_there(history: Sequence[Mark], where: Placement) -> None:
    told = History(history)
    here = {name for each in history for name in (each.package, *each.strays)}
    for span in (told.made(where), told.changed(where)):
        if span is not None and span.actor is not None:
            assert span.actor[0] in here - {"?"}
    assert told.suspects_between(where, where.content_ns) <= here | {"?"}
