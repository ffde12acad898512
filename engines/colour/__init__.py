"""Parts of the colouring engine: what a scan is, hints, suggestions, and colour at full size."""
