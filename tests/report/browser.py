"""A headless Chromium that looks at pages at several widths and says what it measured."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Final

from piufarm.run import run
from tests.report.serving import served

_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--window-size=1600,900",
)  # fmt: skip
# frames are of the same origin as the page that holds them, so that it may measure what is in them
_MEASURE: Final = """
addEventListener("load", () => {
  const measured = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument, root = page.documentElement;
    const wide = [...page.body.querySelectorAll("*")].filter(
      e => !e.closest(".skip, thead, svg") && e.getBoundingClientRect().right > root.clientWidth + 1);
    return {
      page: frame.dataset.page, width: frame.width | 0, client: root.clientWidth, scroll: root.scrollWidth,
      wide: wide.slice(0, 3).map(e => e.tagName + "." + e.className),
      background: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
      height: page.querySelector("main").getBoundingClientRect().height,
      pictures: [...page.images].map(i => i.loading === "lazy" || i.naturalWidth > 0),
      inline: page.querySelectorAll("script").length, title: page.title,
    };
  });
  const result = document.createElement("pre");
  result.id = "measured";
  result.textContent = JSON.stringify(measured);
  document.body.replaceChildren(result);
});
"""


@dataclass(frozen=True)
class Measured:
    """A page at one width, in CSS pixels; `wide` names elements that stick out on the right."""

    page: str
    width: int
    client: int
    scroll: int
    wide: tuple[str, ...]
    background: str
    height: float
    pictures: tuple[bool, ...]
    inline: int
    title: str


def measure(site: Path, pages: Sequence[str], widths: Sequence[int]) -> list[Measured]:
    """Show each page at each width, all in one go of the browser."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "site").symlink_to(site)
        frames = "".join(
            f'<iframe width="{width}" height="700" data-page="{escape(page)}" src="site/{escape(page)}"></iframe>'
            for page in pages
            for width in widths
        )
        (root / "all.html").write_text(f"<!DOCTYPE html><body>{frames}<script>{_MEASURE}</script>")
        with served(root) as address:
            command = ["chromium", *_FLAGS, f"--user-data-dir={root}/profile", "--dump-dom", f"{address}/all.html"]
            output = run(command, timeout_seconds=120).stdout.decode()
    found = re.search(r'<pre id="measured">(.*?)</pre>', output, re.DOTALL)
    assert found, output[:2000]
    return [
        Measured(**{**row, "wide": tuple(row["wide"]), "pictures": tuple(row["pictures"])})
        for row in json.loads(unescape(found.group(1)))
    ]
