"""The thread that renews a lease while tests run."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

from piufarm.slave.lease import Lease, Renewer
from piufarm.slave.link.connection import Held


def test_an_answer_that_comes_after_the_batch_does_not_touch_the_lease(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "lease")
    lease.begin(0, asked_at=time.time())
    asked, answered = threading.Event(), threading.Event()

    def renew() -> Held:
        asked.set()
        answered.wait()
        return Held(1800, ())

    renewer = Renewer(lease, renew, random.Random(1))
    with renewer:
        asked.wait()
        threads = [thread for thread in threading.enumerate() if thread.name == "renewer"]
    lease.ask()
    answered.set()
    for thread in threads:
        thread.join()
    assert lease.was_asked()
    assert renewer.news() == []
