"""A slave that is killed between any two of its steps: nothing stays leased, nothing is forgotten."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import pytest

from piufarm.protocol import Feature
from piufarm.slave.loop import Until
from tests.slave.worker.bench import TARGET, Bench
from tests.slave.worker.fake_master import FakeWire

_STRIDE: Final = 3  # from one death to the next, in steps
_STEPS: Final = ("open", "rename", "replace", "unlink", "utime", "fsync")  # of module os


class _Killed(BaseException):
    pass


class _Executioner:
    """Lets a slave go so many steps; after that it changes and says nothing any more."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def watch(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*words: Any, **more: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise _Killed
            return step(*words, **more)

        return watched


def _survives(bench: Bench, steps: int) -> bool:
    """Whether a round takes no more steps than that."""
    executioner = _Executioner(steps)
    with pytest.MonkeyPatch.context() as patch:
        for owner, names in ((os, _STEPS), (FakeWire, ("read", "write"))):
            for name in names:
                patch.setattr(owner, name, executioner.watch(getattr(owner, name)))
        try:
            bench.loop(Until.ONE_ROUND)
        except _Killed:
            return False
    return True


def _start_anew(bench: Bench) -> None:
    bench.time += 5000.0
    bench.master.open = 0
    bench.start_again()


def test_whatever_the_last_step_of_a_slave_was_the_next_one_ends_all_that_it_had_begun(bench: Bench) -> None:
    bench.dialects.forget(TARGET)
    bench.master.features = frozenset(Feature)
    bench.configure({"piuparts-command": bench.own_tester, "chroot-backend": "overlay"})
    bench.publish("good", "trouble")
    bench.loop(Until.ONE_ROUND)  # makes the base
    steps, survived = 1, False
    while not survived:
        bench.master.results.clear()
        bench.master.troubles.clear()
        bench.master.offers = [("good", "1"), ("trouble", "1")]
        _start_anew(bench)
        survived = _survives(bench, steps)
        for _ in range(2):
            _start_anew(bench)
            bench.loop(Until.ONE_ROUND)
        assert (set(bench.master.results), set(bench.master.troubles)) == ({"pass/good_1"}, {"trouble_1"}), steps
        assert bench.master.held == [], steps
        assert bench.files() == ["trouble/trouble_1.log"], steps
        assert not list(bench.place.directory.rglob(".new-*")), steps
        steps += _STRIDE
    assert steps > 10 * _STRIDE
