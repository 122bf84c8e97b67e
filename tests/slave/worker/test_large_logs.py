"""A log goes from the slave's disk through both ends of the protocol without ever being in memory as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from piufarm.run import clean_environment, run
from tests.support.clone import CLONE

# Sends a log of 200 MB to a master in the same process, which counts what comes out; prints that, and the memory used.
PROGRAM = """
import sys
from pathlib import Path
from piufarm.names import Package, SectionName, Version
from piufarm.outcome import Outcome
from piufarm.protocol import NEED_DATA, PAUSED, Feature, MasterConnection, features_reply
from piufarm.protocol.messages import BodyChunk, Features, Hello, Ok
from piufarm.slave.link.connection import MasterSession
from piufarm.slave.spool import Finished

class Wire:
    complaint = ""
    size = 0
    def __init__(self):
        self.master = MasterConnection()
        self.answers = self.master.send(Hello())
    def read(self):
        data, self.answers = self.answers, b""
        return data
    def write(self, data):
        self.master.receive(data)
        event = None
        while (now := self.master.next_event()) is not NEED_DATA:
            if now is PAUSED:
                offered = [Feature(word) for word in sys.argv[2:]]
                reply = features_reply(offered) if isinstance(event, Features) else Ok()
                self.answers += self.master.send(reply)
            else:
                event = now
                self.size += len(now.data) if isinstance(now, BodyChunk) else 0
    def close(self):
        pass

wire = Wire()
session = MasterSession(wire)
session.select(SectionName("sid"))
session.ask_features()
session.deliver(Finished(Outcome.PASS, Package("liwc"), Version("1"), Path(sys.argv[1])))
# getrusage would tell of the process that has started this one, too
print(wire.size, next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


@pytest.mark.parametrize("features", [(), ("zstd",)], ids=["plain", "compressed"])
@pytest.mark.parametrize("line", [b"an ordinary line, number %d\n", b"\0" * 999 + b"\n"], ids=["text", "zeros"])
def test_a_log_of_two_hundred_megabytes_needs_little_memory(
    tmp_path: Path, line: bytes, features: tuple[str, ...]
) -> None:
    log = tmp_path / "log"
    block = b"".join(line.replace(b"%d", b"%d" % number) for number in range(1_000_000 // len(line)))
    with log.open("wb") as stream:
        while stream.tell() < 200_000_000:
            stream.write(block)
    done = run(["/usr/bin/python3", "-c", PROGRAM, log, *features], env=clean_environment(PYTHONPATH=str(CLONE)))
    size, megabytes = map(int, done.stdout.split())
    assert size == log.stat().st_size
    assert megabytes < 100
