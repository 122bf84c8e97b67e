"""Making layers must never be what a test fails of."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.outcome import Outcome
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.interface import Backend
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.layers.plan import Planned
from piufarm.slave.tester.command_line.options import LayerOptions, Options
from piufarm.slave.tester.inputs import Group, TestedPackage
from piufarm.slave.tester.output.log import TestLog
from piufarm.slave.tester.output.result import RunResult
from piufarm.slave.tester.shortcuts.layered import Found, Layering
from piufarm.slave.tester.shortcuts.on_layers import OnLayers
from tests.slave.chroot.conftest import LIMITS
from tests.slave.layers.plans import debs_of, forecast


@pytest.mark.farm
def test_where_no_layer_can_be_made_there_is_none_and_the_log_says_why(
    plain_base: PreparedBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def refuse(*_: object) -> Iterator[None]:
        raise FarmError("cannot set up a chroot: mount overlay on root: Invalid argument")
        yield

    monkeypatch.setattr(OverlayBackend, "open", refuse)
    text = io.BytesIO()
    planned = Planned("a", {"a": "1", "b": "1"}, ({"b": "1"},))
    layering = Layering(Options(operands=("a",)), plain_base, LIMITS, None)
    with layering.found(planned, debs_of(planned), OverlayBackend(tmp_path), TestLog([text])) as found:
        assert found is None
    assert "no layer for now: cannot set up a chroot" in text.getvalue().decode()


PLANNED = Planned("a", {"a": "1", "b": "1"}, ({"b": "1"},))


def go_through(base: PreparedBase, folder: Path, mistake: Exception | None = None) -> tuple[RunResult, str]:
    """The result and the log of a test that, if it stands on layers, runs into this."""

    def examine(backend: Backend, found: Found | None = None) -> Outcome:
        if found is not None and mistake is not None:
            raise mistake
        return Outcome.PASS

    forecast({"a": PLANNED}).write(folder / "plan")
    options, text = Options(operands=("a",), layers=LayerOptions(plan=folder / "plan")), io.BytesIO()
    result = RunResult("")
    tests = OnLayers(options, TestLog([text]), result, LIMITS, None)
    group = Group((TestedPackage("a", "a"),))
    assert tests.run(group, base, OverlayBackend(folder), examine) is Outcome.PASS
    return result, text.getvalue().decode()


@pytest.mark.farm
@pytest.mark.parametrize("mistake", [KeyError("surprise"), OSError("spoiled"), FarmError("trouble")])
def test_what_goes_wrong_in_a_test_on_layers_has_it_made_again_without(
    plain_base: PreparedBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: Exception
) -> None:
    @contextmanager
    def found(*_: object) -> Iterator[Found]:
        yield Found(PLANNED, (), OverlayBackend(tmp_path))

    monkeypatch.setattr(Layering, "found", found)
    result, log = go_through(plain_base, tmp_path, mistake)
    (use,) = result.layers
    assert not use.counts
    assert str(mistake) in use.reason
    assert f"does not count: {use.reason}" in log
    assert ("WARNING: Traceback (most recent call last):" in log) == isinstance(mistake, KeyError)


@pytest.mark.farm
@pytest.mark.parametrize("mistake", [AssertionError(), OSError("spoiled"), FarmError("trouble")])
def test_what_goes_wrong_with_layers_before_the_test_has_it_do_without(
    plain_base: PreparedBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: Exception
) -> None:
    @contextmanager
    def refuse(*_: object) -> Iterator[None]:
        raise mistake
        yield

    monkeypatch.setattr(Layering, "found", refuse)
    result, log = go_through(plain_base, tmp_path)
    assert result.layers == []
    assert f"no layers for now: {str(mistake) or 'internal error: AssertionError'}" in log
