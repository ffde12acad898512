"""The recipe that learns what is where in a portrait: its masks, its pictures, learning, going on."""

import importlib

import numpy as np
import pytest
import torch

from engines.models.face_parts import PARTS, FaceParts
from engines.train.cutouts import UNKNOWN, cutout
from engines.train.data import Pictures
from engines.train.loop import choose_machine
from engines.train.recipes.parts import FacePartsTraining, Options, above
from engines.train.settings import People, composed, spoil
from tests.train import tiny

SIDE = 64
BACKGROUND, HAIR, SKIN, CLOTHES = range(len(PARTS))


def drawn(hair: tuple[float, float, float], side: int = 192, *, wall: float = 0.0) -> np.ndarray:
    """Somebody with short hair and a blue shirt before a grey wall. wall: how rough it is."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    rng = np.random.default_rng(0)
    picture = np.full((side, side, 3), 0.72, np.float32) + wall * rng.normal(0, 1, (side // 8, side // 8, 3)).repeat(
        8, 0
    ).repeat(8, 1)
    picture[(y > 0.84) & (np.abs(x - 0.5) < 0.42)] = (0.2, 0.3, 0.6)
    picture[(np.abs(x - 0.5) < 0.13) & (y > 0.7) & (y < 0.9)] = (0.78, 0.58, 0.48)
    picture[(np.hypot((x - 0.5) / 0.29, (y - 0.42) / 0.32) < 1) & (y < 0.62)] = hair
    picture[np.hypot((x - 0.5) / 0.22, (y - 0.60) / 0.26) < 1] = (0.8, 0.6, 0.5)
    return np.asarray(picture, np.float32)


def test_hair_skin_clothes_and_wall_are_told_apart_without_a_mask() -> None:
    cut = cutout(drawn((0.3, 0.2, 0.12)), drawn((0.04, 0.03, 0.03)), drawn((0.75, 0.62, 0.4)))
    assert cut is not None and cut.parts.shape == cut.cover.shape == (192, 192) and cut.picture.dtype == np.uint8
    wanted = {(20, 20): BACKGROUND, (40, 96): HAIR, (100, 46): HAIR, (115, 96): SKIN, (150, 96): SKIN}
    assert {at: int(cut.parts[at]) for at in wanted} == wanted
    assert cut.parts[182, 40] == CLOTHES and cut.cover[20, 20] == 0 and cut.cover[100, 96] > 250
    assert (cut.parts == HAIR).mean() == pytest.approx(0.135, abs=0.03) and (cut.parts == UNKNOWN).mean() < 0.05


def test_nobody_is_cut_from_a_wall_that_is_not_plain() -> None:
    hues = ((0.3, 0.2, 0.12), (0.04, 0.03, 0.03), (0.75, 0.62, 0.4))
    assert cutout(*(drawn(hue, wall=0.15) for hue in hues)) is None


def test_colours_of_the_wall_do_not_stay_at_the_rim() -> None:
    cut = cutout(drawn((0.3, 0.2, 0.12)), drawn((0.04, 0.03, 0.03)), drawn((0.75, 0.62, 0.4)))
    assert cut is not None
    half = (cut.cover > 60) & (cut.cover < 200) & (np.mgrid[0:192, 0:192][0] < 90)
    assert half.sum() > 50 and cut.picture[half].mean() < 100, "the wall is at 184"


def people(count: int = 6) -> People:
    """Bright discs on black, their upper halves hair."""
    y, x = torch.meshgrid(*(torch.arange(SIDE) / SIDE - 0.5,) * 2, indexing="ij")
    disc = torch.hypot(x, y) < 0.35
    parts = torch.where(disc, torch.where(y < 0, HAIR, SKIN), BACKGROUND).to(torch.uint8).expand(count, -1, -1)
    colours = torch.where((parts == HAIR)[:, None], torch.tensor([150, 30, 30])[:, None, None], 220).to(torch.uint8)
    return People(colours, parts.clone(), torch.where(disc, 255, 0).to(torch.uint8).expand(count, -1, -1).clone())


def test_people_move_together_with_their_masks() -> None:
    dark = torch.zeros(3, 3, SIDE, SIDE, dtype=torch.uint8)
    pictures, parts = composed(people(), [dark], 24, torch.Generator().manual_seed(0))
    assert pictures.shape == (24, 3, SIDE, SIDE) and parts.shape == (24, SIDE, SIDE) and pictures.abs().max() <= 1
    assert set(parts.unique().tolist()) == {BACKGROUND, HAIR, SKIN}
    there = (parts == HAIR).float().flatten(1)
    middles = (there * torch.arange(SIDE).repeat(SIDE)).sum(1) / there.sum(1)
    assert middles.std() > 0.5, "they are not all in one place"
    light = pictures.mean(1)
    apart = [float(light[i][parts[i] == SKIN].mean() - light[i][parts[i] == HAIR].mean()) for i in range(24)]
    assert min(apart) > 0.1, "the masks lie where the people are"


def test_a_spoilt_picture_is_another_and_stays_in_range() -> None:
    images = tiny.pictures(8, size=SIDE).float() / 127.5 - 1
    spoilt = spoil(images.clone(), torch.Generator().manual_seed(0))
    assert spoilt.shape == images.shape and spoilt.abs().max() <= 1
    assert 0.05 < (spoilt - images).abs().mean() < 0.6


def test_how_often_one_is_above_another() -> None:
    assert above(torch.tensor([2.0, 3.0]), torch.tensor([1.0, 2.0])) == pytest.approx(0.875)
    assert above(torch.tensor([]), torch.tensor([1.0])) == 0.5


def trainee(seed: int = 0, **changed: object) -> FacePartsTraining:
    torch.manual_seed(seed)
    net = FaceParts(stages=tiny.STAGES, blocks=(0, 2, 3), widths=(8, 8, 12))
    scenes = [tiny.pictures(6, size=SIDE, seed=4)]
    portraits = [composed(people(), scenes, 6, torch.Generator().manual_seed(1))[0].add(1).mul(127).to(torch.uint8)]
    options = Options(**{**Options(batch=8, trunk_lr=3e-3, head_lr=1e-2, alone=8, sure=0.5).__dict__, **changed})
    labelled = (
        Pictures(tiny.pictures(4, size=SIDE), ("a", "b", "c", "d")),
        torch.tensor([[1.0, 0, 0]] * 2 + [[0.0, 1, 1]] * 2),
    )
    machine = choose_machine("cpu", "float32", seed=seed)
    sets = (people(), people())
    return FacePartsTraining(net, sets, portraits, (scenes, scenes[0]), portraits[0], labelled, options, machine)


def test_it_learns() -> None:
    trained = trainee(ema_images=50.0)
    before = trained.measure()
    for _ in range(60):
        trained.step()
    after = trained.measure()
    assert after["iou_hair"] > 0.6 > before["iou_hair"] + 0.2 and after["iou_skin"] > 0.6
    assert set(after) >= {"auc_blond", "auc_bald", "auc_hat"} and all(0 <= value <= 1 for value in after.values())
    assert trained.sample().size == (8 * SIDE, SIDE)


def test_going_on_equals_no_interruption() -> None:
    assert tiny.gone_on(trainee).images == 16


def test_card_and_result_fit_together() -> None:
    trained = trainee()
    card, result = trained.card(), trained.result()
    assert importlib.import_module(f"engines.models.{card.architecture}").build(**card.options).probe()[0].shape[1] == 3
    assert all(tensor.dtype == torch.float16 for tensor in result.values())
    FaceParts(stages=tiny.STAGES, blocks=(0, 2, 3), widths=(8, 8, 12)).load_state_dict(result)
