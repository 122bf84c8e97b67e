from __future__ import annotations

from pathlib import Path

import pytest

from piufarm.slave.tester.command_line.flavours import FLAVOURS, flavour


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("ID=debian\n", "debian"), ('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', "ubuntu"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "ubuntu"), ("ID=raspbian\nID_LIKE='debian'\n", "debian"),
        ("ID=fedora\n", "debian"), ("", "debian"), ("no assignment\n", "debian"),
    ],
)  # fmt: skip
def test_the_flavour_is_that_of_the_host(tmp_path: Path, content: str, name: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(content)
    assert flavour(None, tmp_path) == FLAVOURS[name]


def test_a_host_that_says_nothing_is_taken_for_debian_and_a_name_counts_more(tmp_path: Path) -> None:
    assert flavour(None, tmp_path) == FLAVOURS["debian"]
    assert flavour("ubuntu", tmp_path).suite == "devel"
