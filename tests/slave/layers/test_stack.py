"""What changed above layers, told by the layers alone: always the same as two walks of the whole tree would tell."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piufarm.run import run
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Changes, CommandLimits, Entry
from piufarm.slave.chroot.launch import chroot_name, launch
from piufarm.slave.chroot.supervisor import Supervisor
from piufarm.slave.chroot.tree import compare, index_tree
from piufarm.slave.chroot.upper import UpperLayer
from piufarm.slave.layers.stack import Stack, composed, laid_over
from tests.slave.chroot.conftest import LIMITS
from tests.slave.chroot.test_changes import operations, script_of

NAMES = st.sampled_from(["/", "/a", "/a/b", "/a/b/c", "/d"])
ENTRIES = st.integers(0, 3).map(lambda owner: Entry(0o40755, owner, 0, 0, None, 0, 0))
TREES = st.dictionaries(NAMES, ENTRIES)


@given(TREES, TREES, TREES)
def test_two_steps_are_as_one(base: dict[str, Entry], middle: dict[str, Entry], end: dict[str, Entry]) -> None:
    below, above = compare(base, middle), compare(middle, end)
    assert laid_over(base, below) == middle
    assert composed(base, below, above) == compare(base, end)


def test_what_was_changed_and_put_back_was_written_to() -> None:
    one, other = Entry(0o100644, 0, 0, 1, None, 1, 0), Entry(0o100644, 0, 0, 2, None, 2, 0)
    found = composed({"/a": one}, Changes({"/a": one}, {"/a": other}), Changes({"/a": other}, {"/a": one}))
    assert (found.before, found.after, found.rewritten) == ({}, {}, frozenset({"/a"}))


Step = tuple[str, ...]


def after(playground: Path, before: dict[str, Entry], steps: list[Step], stack: Stack, keep: Path) -> Changes:
    """Do the steps on a stack and keep what they wrote; what a walk tells is what the layers tell."""
    start = launch(base=playground, tmpdir=Path("/tmp"), name=chroot_name(), limits=LIMITS, layers=stack.paths)
    supervisor = Supervisor(start)
    try:
        result = supervisor.run(["sh", "-c", script_of(steps)], env=CHROOT_ENVIRONMENT, limits=CommandLimits())
        assert b"cross-device" not in result.output
        run(["cp", "--archive", f"/proc/{supervisor.host_pid}/fd/{supervisor.upper_fd}/upper", keep])
        walked = compare(before, supervisor.walk())
    finally:
        supervisor.close()
    upper = os.open(keep, os.O_RDONLY)
    try:
        found = composed(before, stack.below, UpperLayer(laid_over(before, stack.below)).changes(upper))
    finally:
        os.close(upper)
    assert found == walked
    return found


STEPS = st.lists(operations, min_size=1, max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=2, max_size=3))
def test_layers_tell_what_two_walks_tell(playground: Path, stages: list[list[Step]]) -> None:
    """Directories that are replaced, renamed and renamed again across layers among them."""
    descriptor = os.open(playground, os.O_RDONLY)
    before = index_tree(descriptor)
    os.close(descriptor)
    stack = Stack((), Changes({}, {}, frozenset()))
    with tempfile.TemporaryDirectory() as folder:
        for number, steps in enumerate(stages):
            keep = Path(folder) / str(number)
            stack = Stack((keep, *stack.paths), after(playground, before, steps, stack, keep))
