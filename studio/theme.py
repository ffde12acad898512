"""The look: one accent colour on neutral greys, so that the pictures are the only colourful thing on the page.

The font is a file inside the gradio package; nothing is fetched from elsewhere. Of the fonts gradio carries, many are
fragments without Latin letters; Source Sans Pro in 400 and 700 is whole.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.themes.utils.fonts import LocalFont

WEB = Path(__file__).parent / "web"

JADE = gr.themes.Color(
    name="jade",
    c50="#effaf6", c100="#d7f2e8", c200="#b0e4d3", c300="#7ed0b8", c400="#4bb599", c500="#2a9a7f",
    c600="#1a7c67", c700="#176454", c800="#154f44", c900="#134239", c950="#082621",
)  # fmt: skip
STONE = gr.themes.Color(
    name="stone",
    c50="#f7f7f5", c100="#efefec", c200="#e2e2de", c300="#cfcfca", c400="#a3a39d", c500="#74746f",
    c600="#585854", c700="#3d3d3b", c800="#272727", c900="#1b1b1c", c950="#121213",
)  # fmt: skip


def theme() -> gr.themes.Base:
    """Colours, radii and sizes of gradio's own components."""
    sans = (LocalFont("Source Sans Pro", weights=(400, 700)), "ui-sans-serif", "system-ui", "sans-serif")
    base = gr.themes.Base(
        primary_hue=JADE,
        secondary_hue=JADE,
        neutral_hue=STONE,
        radius_size=gr.themes.sizes.radius_lg,
        text_size=gr.themes.sizes.text_lg,
        font=sans,
        font_mono=("ui-monospace", "Consolas", "monospace"),
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        border_color_primary="*neutral_200",
        border_color_primary_dark="#2f2f31",
        border_color_accent="*primary_600",
        border_color_accent_dark="*primary_400",
        color_accent="*primary_600",
        color_accent_soft="*primary_50",
        color_accent_soft_dark="*primary_950",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
        block_padding="0",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_200",
        block_title_text_weight="600",
        block_title_text_size="*text_sm",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        layout_gap="20px",
        input_background_fill="white",
        input_background_fill_dark="*neutral_900",
        input_border_color="*neutral_300",
        input_border_color_dark="#3a3a3c",
        input_border_color_focus="*primary_600",
        input_border_color_focus_dark="*primary_400",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_500",
        checkbox_border_color_selected="*primary_600",
        checkbox_label_background_fill="white",
        checkbox_label_background_fill_dark="*neutral_900",
        checkbox_label_background_fill_selected="*primary_50",
        checkbox_label_background_fill_selected_dark="*primary_950",
        checkbox_label_border_width="1px",
        checkbox_label_border_color="*neutral_300",
        checkbox_label_border_color_dark="#3a3a3c",
        checkbox_label_border_color_selected="*primary_600",
        checkbox_label_border_color_selected_dark="*primary_400",
        checkbox_label_text_color_selected="*primary_800",
        checkbox_label_text_color_selected_dark="*primary_200",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_hover_dark="*primary_400",
        button_primary_text_color="white",
        button_primary_text_color_dark="*primary_950",
        button_secondary_background_fill="white",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="#3a3a3c",
        button_border_width="1px",
        button_large_radius="12px",
        button_large_text_weight="600",
        button_medium_text_weight="600",
        button_small_text_weight="600",
    )


def stylesheet() -> str:
    """The studio's own CSS: the shell first, then one file per component."""
    names = ["page", "controls", "stage", "cards"]
    names += sorted(path.stem for path in WEB.glob("*.css") if path.stem not in names)
    return "\n".join((WEB / f"{name}.css").read_text(encoding="utf-8") for name in names)


def head() -> str:
    """Goes into the page's head before any component runs: shared helpers, dark or light as last chosen."""
    script = (WEB / "common.js").read_text(encoding="utf-8")
    return f'<meta name="color-scheme" content="light dark"><script>{script}</script>'
