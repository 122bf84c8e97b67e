"""Waiting for something that another process does, with a bound and a sentence about what was awaited."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_STEP_SECONDS: Final = 0.05


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
    """Return as soon as the condition holds; fail the test, naming `what`, if it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain: {what}"
        time.sleep(_STEP_SECONDS)
