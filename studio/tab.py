"""What one file in `studio/tabs/` hands to the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr

from engines import Engines


@dataclass(frozen=True)
class Tab:
    """One tab of the page.

    title: what the person reads.  build: draws the tab inside the `gr.Tab` it is given and wires its events.
    order: tabs are sorted by it, small numbers first.
    """

    title: str
    build: Callable[[Engines, gr.Tab], None]
    order: int = 100


@dataclass(frozen=True)
class BrokenTab:
    """A file in `studio/tabs/` that could not be imported; the page says so in its place."""

    title: str
    reason: str
    order: int = 1000
