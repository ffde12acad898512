"""The Models tab in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect
from safetensors.torch import save_file

from engines import find_engines
from engines.core.card import ModelCard
from tests.e2e.steps import FAST, Studio, bring, choose, fetch, finish, make_photo, run

pytestmark = pytest.mark.browser


def tiny_upscaler(path: Path) -> Path:
    """A random network of the SRVGGNetCompact kind that makes pictures twice as large."""
    torch.manual_seed(3)
    save_file(
        {
            "body.0.weight": torch.randn(8, 3, 3, 3) * 0.1,
            "body.0.bias": torch.zeros(8),
            "body.1.weight": torch.full((8,), 0.2),
            "body.2.weight": torch.randn(8, 8, 3, 3) * 0.1,
            "body.2.bias": torch.zeros(8),
            "body.3.weight": torch.full((8,), 0.2),
            "body.4.weight": torch.randn(12, 8, 3, 3) * 0.1,
            "body.4.bias": torch.zeros(12),
        },
        path,
    )
    return path


def shown_cards(studio: Studio) -> list[ModelCard]:
    """The cards something in the studio can use."""
    usable = {kind.name for kind in find_engines()}
    return [card for card in studio.engines.catalogue.cards() if card.engine in usable]


def open_models(page: Page) -> None:
    page.get_by_role("tab", name="Models", exact=True).click()
    expect(page.locator("#models-cards .card").first).to_be_visible()


def test_a_model_is_loaded_and_unloaded(page: Page, studio: Studio) -> None:
    residency = studio.engines.residency
    residency.unload(FAST)
    open_models(page)
    card = page.locator(f".card[data-card='{FAST}']")
    expect(card).to_contain_text("BSD-3-Clause")
    expect(card).to_contain_text("parameters")
    loads = residency.loads
    card.get_by_role("button", name="Load").click()
    expect(card.locator(".pill")).to_contain_text("in memory")
    assert residency.loads == loads + 1
    assert FAST in [row.card_id for row in residency.resident()]
    card.get_by_role("button", name="Unload").click()
    expect(card.locator(".pill")).to_have_text("on this machine")
    assert FAST not in [row.card_id for row in residency.resident()]


def test_every_card_says_what_it_may_be_used_for(page: Page, studio: Studio) -> None:
    open_models(page)
    cards = shown_cards(studio)
    expect(page.locator("#models-cards .card")).to_have_count(len(cards))
    for card in cards:
        shown = page.locator(f".card[data-card='{card.id}']")
        expect(shown).to_contain_text(card.title)
        expect(shown).to_contain_text(card.licence)
        expect(shown).to_contain_text(card.about)


def test_a_model_of_the_hub_says_what_it_downloads_and_brings_its_slider(page: Page) -> None:
    expect(page.locator("#upscale-denoise")).to_be_hidden()
    choose(page, "realesr-general-x4v3")
    expect(page.locator("#upscale-denoise")).to_be_visible()
    expect(page.locator("#upscale-model .about")).to_contain_text("downloads 9.8 MB once")
    choose(page, FAST)
    expect(page.locator("#upscale-denoise")).to_be_hidden()


def test_an_own_model_can_be_brought_used_and_removed(page: Page, studio: Studio, tmp_path: Path) -> None:
    open_models(page)
    model = tiny_upscaler(tmp_path / "Mine.safetensors")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Bring your own model").click()
    chooser.value.set_files(str(model))
    expect(page.locator(".card[data-card='mine']")).to_contain_text("Your own model")

    page.get_by_role("tab", name="Upscale", exact=True).click()
    bring(page, make_photo(tmp_path / "cat.png", 16, 12))
    choose(page, "mine")
    page.locator("#upscale-scale").get_by_role("button", name="2×").click()
    run(page)
    finish(page)
    saved = tmp_path / "saved.png"
    fetch(page, "#upscale-stage .download.main").save_as(saved)
    with Image.open(saved) as image:
        assert image.size == (32, 24)

    open_models(page)
    page.locator(".card[data-card='mine']").get_by_role("button", name="Remove").click()
    expect(page.locator(".card[data-card='mine']")).to_have_count(0)
    assert "mine" not in [card.id for card in studio.engines.catalogue.cards()]
    page.get_by_role("tab", name="Upscale", exact=True).click()
    expect(page.locator("#upscale-model .choice[data-model='mine']")).to_have_count(0)


def test_a_broken_own_model_gets_a_sentence(page: Page, studio: Studio, tmp_path: Path) -> None:
    open_models(page)
    known = len(shown_cards(studio))
    fake = tmp_path / "evil.pth"
    fake.write_text("not a model")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Bring your own model").click()
    chooser.value.set_files(str(fake))
    toast = page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("evil.pth")
    assert "(code " not in toast.inner_text()  # a sentence, not an unexpected error
    expect(page.locator("#models-cards .card")).to_have_count(known)
