"""Making layers must never be what a test fails of."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.layers.plan import Planned
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.output.log import TestLog
from piufarm.slave.tester.shortcuts.layered import Layering
from tests.slave.chroot.conftest import LIMITS


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
    with layering.found(planned, OverlayBackend(tmp_path), TestLog([text])) as found:
        assert found is None
    assert "no layer for now: cannot set up a chroot" in text.getvalue().decode()
