"""How the page is served: a private folder for its files, a sweep of that folder, and the launch options.

`app.py` and the tests launch through the same function, so what is tested is what runs.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gradio as gr

from studio.jobs import keep_alive
from studio.theme import head, stylesheet, theme

KEEP_SECONDS = 6 * 3600  # a result can be downloaded for six hours
KEEP_BYTES = 8 * 2**30  # and all files together stay below this
SWEEP_SECONDS = 120
YOUNG_SECONDS = 600  # a file this young is in use and is never swept, however full the folder is


def private_folder() -> Path:
    """The folder for uploads and results: $GRADIO_TEMP_DIR, or a fresh one only this user can read.

    The fresh one is deleted at exit.
    Must be called before the first gradio component is made, because gradio reads the variable then.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    given = os.environ.get("GRADIO_TEMP_DIR")
    if given:
        folder = Path(given).expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    folder = Path(tempfile.mkdtemp(prefix="gan-studio-")).resolve()  # mkdtemp: mode 0700
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def sweep(folder: Path, *, keep_seconds: float = KEEP_SECONDS, keep_bytes: int = KEEP_BYTES) -> int:
    """Delete old files, then the oldest ones until the folder is small enough. Returns how many went."""
    now, found = time.time(), []
    for path in folder.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink():
                facts = path.stat()
                found.append((max(facts.st_mtime, facts.st_atime), facts.st_size, path))
        except OSError:  # somebody else deleted it meanwhile
            continue
    found.sort(key=lambda entry: entry[0])
    total, gone = sum(size for _, size, _ in found), 0
    for used, size, path in found:
        age = now - used
        if age > keep_seconds or (total > keep_bytes and age > min(YOUNG_SECONDS, keep_seconds)):
            path.unlink(missing_ok=True)
            total, gone = total - size, gone + 1
    for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        try:
            if now - path.stat().st_mtime > min(YOUNG_SECONDS, keep_seconds):
                path.rmdir()  # only succeeds when empty
        except OSError:
            continue
    return gone


def keep_tidy(folder: Path) -> None:
    """Sweep the folder for as long as the process lives."""
    keep_alive(lambda: sweep(folder), SWEEP_SECONDS, "sweep of the page's files")


def login(text: str | None) -> tuple[str, str] | None:
    """`USER:PASSWORD` as a pair; None means that no login is asked for."""
    if not text:
        return None
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise SystemExit("--auth (or GAN_STUDIO_AUTH) looks like user:password.")
    return user, password


def launch_options(
    host: str,
    port: int | None,
    *,
    share: bool = False,
    auth: tuple[str, str] | None = None,
    max_upload_mb: int = 100,
    mcp: bool = True,
) -> dict[str, Any]:
    """Keyword arguments of `Blocks.launch`: nothing leaves the machine, no server path shows on the page."""
    return {
        "server_name": host,
        "server_port": port,
        "share": share,
        "auth": auth,
        "auth_message": "This studio asks for a name and a password.",
        "max_file_size": f"{max_upload_mb}mb",
        "mcp_server": mcp and not auth,  # gradio does not ask MCP clients for the login
        "theme": theme(),
        "css": stylesheet(),
        "head": head(),
        "ssr_mode": False,  # no Node process
        "show_error": False,  # True would put server paths on the page; sentences are toasts anyway
        "run_history": False,  # it writes inputs and outputs into the browser's storage
        "enable_monitoring": False,
        "footer_links": ["api"],
        "quiet": True,
    }


def launch(page: gr.Blocks, options: dict[str, Any], *, block: bool = True) -> str:
    """Start the queue and the server; returns the local address. With `block`, waits for the end."""
    page.queue(max_size=64)
    if options["server_name"] not in ("127.0.0.1", "localhost", "::1") and not options["auth"]:
        print("Everybody who reaches this address can use the studio; --auth user:password asks for a login.")
    _, address, _ = page.launch(**options, prevent_thread_lock=True)
    if block:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the private folder is deleted then too
        print(f"GAN Studio is open at {address}  (Ctrl+C stops it)", flush=True)
        page.block_thread()
    return str(address)
