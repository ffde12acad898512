"""Pictures arrive on a tab that works on several: read at once, and what cannot be read holds nothing up."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import gradio as gr

from studio.jobs import follow
from studio.pictures import Shot, read_shots, uploaded

MANY = 40  # pictures in one session; more belong on the command line


def arrive(paths: Sequence[str] | None, there: Sequence[Shot], wait: Any) -> Generator[Any, None, list[Shot]]:
    """Read uploaded files. Yields `wait` meanwhile; returns the new shots, the unreadable ones with their sentence."""
    found = [uploaded(path) for path in paths or []]
    if len(there) + len(found) > MANY:
        gr.Warning(f"The page takes {MANY} pictures at a time; the command line takes whole folders.")
        found = found[: max(0, MANY - len(there))]
    new: list[Shot] = yield from follow(lambda job: read_shots(found, job), lambda _: wait)
    bad = [shot for shot in new if shot.error]
    if bad:
        gr.Warning(bad[0].error if len(bad) == 1 else f"{len(bad)} files cannot be used. The list says why.")
    return new
