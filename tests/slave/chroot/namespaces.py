"""What of a chroot exists on the host: found by its namespaces, whatever its processes call themselves."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.support.wait import wait_until

_KINDS = ("pid", "mnt", "net")


@dataclass(frozen=True)
class Traces:
    """Identifies a running chroot on the host."""

    namespaces: frozenset[str]
    name: str
    has_group: bool  # a control group of its own tells its processes apart even where namespace numbers come again

    @classmethod
    def of(cls, host_pid: int, root: str) -> Traces:
        """Taken while it runs; checks that its namespaces are not the host's."""
        found = frozenset((Path(f"/proc/{host_pid}/ns") / kind).readlink().name for kind in _KINDS)
        ours = {(Path("/proc/self/ns") / kind).readlink().name for kind in _KINDS}
        assert not found & ours
        name = Path(root).name
        return cls(found, name, name in Path(f"/proc/{host_pid}/cgroup").read_text())

    def processes(self) -> list[str]:
        """Processes of the host that are in one of its namespaces or carry its name."""
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdecimal() and (self._is_inside(process) or self.name in _command(process)):
                found.append(f"{process.name} {_command(process)}")
        return found

    def _is_inside(self, process: Path) -> bool:
        try:
            if self.has_group:
                return self.name in (process / "cgroup").read_text()
            return any((process / "ns" / kind).readlink().name in self.namespaces for kind in _KINDS)
        except OSError:
            return False

    def mounts(self) -> list[str]:
        """Mounts of the host that carry its name."""
        return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if self.name in line]

    def groups(self) -> list[str]:
        """Its control groups."""
        return [path for path, _, _ in os.walk("/sys/fs/cgroup") if self.name in path]

    def must_be_gone(self) -> None:
        """Fails the test if anything is left after a moment."""
        wait_until(lambda: not self.processes(), f"the processes of {self.name} to end", seconds=20)
        assert self.mounts() == []
        wait_until(lambda: not self.groups(), f"the control groups of {self.name} to be removed", seconds=10)


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
