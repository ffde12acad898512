"""Parts of the inpainting engine: masks, the fill at the network's size, detail at full size, pasting."""
