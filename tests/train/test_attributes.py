"""The face reader's recipe on tiny networks: labels, crops, learning, going on."""

import csv
import io
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from engines.core.errors import DatasetError
from engines.models.face_attributes import TIGHT, YEARS, FaceAttributes, tight_crop
from engines.train.data import Pictures
from engines.train.loop import choose_machine
from engines.train.recipes.attributes import (
    CELEBA_FRAME,
    Attributes,
    Labelled,
    Options,
    read_ages,
    read_attributes,
    recolour,
    soften,
    view,
)
from tests.train import tiny

NAMES = ("Smiling", "Male", "No_Beard")


def reader(seed: int = 0) -> FaceAttributes:
    torch.manual_seed(seed)
    net = FaceAttributes(NAMES, stages=tiny.STAGES)
    assert isinstance(net.trunk._fc, nn.Identity)
    return net


def trainee(seed: int = 0, **changed: object) -> Attributes:
    """Red pictures smile, and are old; blue ones do not."""
    red = torch.linspace(0, 255, 16)[:, None, None].expand(16, 32, 32)
    pictures = Pictures(
        torch.stack([red, torch.full_like(red, 90), 255 - red], 1).to(torch.uint8), tuple(f"p/{i}" for i in range(16))
    )
    labels = torch.stack([torch.linspace(0, 1, 16) > 0.5, torch.zeros(16), torch.ones(16)], 1).float()
    sets = (Labelled(pictures, labels), Labelled(pictures, torch.linspace(20, 60, 16)))
    options = Options(**{**Options(batch=8, trunk_lr=3e-3, head_lr=3e-2).__dict__, **changed})
    return Attributes(reader(seed), sets, sets, options, choose_machine("cpu", "float32", seed=seed))


def test_labels_are_read_by_name_not_by_order(tmp_path: Path) -> None:
    table = io.StringIO()
    csv.writer(table).writerows([["file", *NAMES], ["b.png", -1, 1, 1], ["a.png", 1, -1, 1]])
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("attributes.csv", table.getvalue())
    names, labels = read_attributes(tmp_path / "c.zip", ["c/a.png", "c/b.png"])
    assert names == NAMES and labels.tolist() == [[1, 0, 1], [0, 1, 1]]
    with pytest.raises(DatasetError, match=r"no attributes\.csv"):
        read_attributes(tiny.write_archive(tmp_path / "d.zip", tiny.pictures(1)), [])


def test_ages_come_from_names() -> None:
    assert read_ages(["z/34_0_2017.webp", "z/7_1_x.webp", "z/116_1_x.webp"]).tolist() == [34, 7, YEARS - 1]
    with pytest.raises(DatasetError, match="does not begin with an age"):
        read_ages(["z/anna.webp"])


def test_a_view_is_the_part_it_names() -> None:
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    whole = view(ramp, (0.5, 0.5, 1.0), side=64)
    assert torch.allclose(whole, ramp, atol=1e-5)
    part = view(ramp, (0.25, 0.5, 0.5), side=64)
    assert part[0, 0, 5].min() == pytest.approx(0, abs=0.01) and part[0, 0, 5].max() == pytest.approx(0.5, abs=0.01)
    x, y, side = CELEBA_FRAME
    assert min(x, y) - side / 2 >= 0 and max(x, y) + side / 2 <= 1


def test_a_jittered_view_is_moved_but_keeps_its_colours() -> None:
    images = tiny.pictures(6, size=32).float() / 127.5 - 1
    rng = torch.Generator().manual_seed(0)
    moved = view(images, (0.5, 0.5, 1.0), jitter=rng, side=32)
    assert moved.shape == images.shape and (moved - images).abs().max() > 0.2
    assert (moved.mean((1, 2, 3)) - images.mean((1, 2, 3))).abs().max() < 0.15
    assert recolour(images, rng).abs().max() <= 1 and soften(images, rng).shape == images.shape


def test_the_tight_crop_is_the_middle_of_the_square() -> None:
    ramp = torch.linspace(0, 1, 200).expand(1, 3, 200, 200)
    crop = tight_crop(ramp)
    assert crop.shape == ramp.shape
    assert float(crop[0, 0, 0, 0]) == pytest.approx(TIGHT[0], abs=0.01)
    assert float(crop[0, 0, 0, -1]) == pytest.approx(TIGHT[2], abs=0.01)


def test_the_network_answers_logits_and_years() -> None:
    net = reader()
    with torch.no_grad():
        answer = net(*net.probe())
    assert answer.shape == (1, 4) and 0 < float(answer[0, 3]) < 100
    with torch.no_grad():
        net.years.weight.zero_()
        net.years.bias.copy_(torch.where(torch.arange(YEARS) == 42, 50.0, 0.0))
        answer = net(*net.probe())
    assert float(answer[0, 3]) == pytest.approx(42, abs=0.01)


def test_it_learns() -> None:
    trained = trainee()
    before = trained.measure()
    for _ in range(50):
        trained.step()
    after = trained.measure()
    assert after["accuracy"] > 0.85 and after["age_error"] < 0.75 * before["age_error"]


def test_going_on_equals_no_interruption() -> None:
    assert tiny.gone_on(trainee).images == 16
