"""Small packages without dependencies, of each kind that a farm meets."""

from __future__ import annotations

import os
from typing import Final

from demo.debs import DebSpec

PASSING: Final = (
    DebSpec("tidy", files={"/usr/share/tidy/readme": "I go as I came.\n"}),
    DebSpec("tidy-too", "1:2.0-1", files={"/etc/tidy.conf": "a = 1\n"}, conffiles=["/etc/tidy.conf"]),
)
FAILING: Final = (
    DebSpec("leftover", scripts={"postinst": "touch /var/lib/leftover.db"}),
    DebSpec("broken-postinst", scripts={"postinst": "echo Cannot go on.\nexit 1"}),
)
# Version 1 is handed out, and before it is tested the archive has version 2.
MOVING: Final = DebSpec("moving", "1")
MOVED: Final = DebSpec("moving", "2")
LATE: Final = tuple(DebSpec(name) for name in ("late-a", "late-b", "late-c"))
# Runs long enough to be interrupted; its odd duration makes its process findable on the host.
SLOW_MARK: Final = f"sleep 6.{os.getpid()}"
SLOW: Final = DebSpec("slow", scripts={"postinst": SLOW_MARK})
# Its log is some megabytes long.
TALKATIVE: Final = DebSpec("talkative", scripts={"postinst": "seq 1 400000"})
