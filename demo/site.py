"""Looking at the site: a web server on loopback."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from demo.server import serve


def serve_site(site: Path, console: Console) -> None:
    """Serve the folder until Ctrl-C, which is the normal way to end it."""
    with serve(site) as server:
        console.print(f"The site is at {server.url}/index.html until you press Ctrl-C.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            console.print("Bye.")
