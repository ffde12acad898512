"""Latent directions: the algebra, and the whole search on a generator whose latents are known."""

import json
import zipfile
from dataclasses import asdict

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from skimage import data

from engines.core.card import ModelCard, Source, WeightFile, read_card, write_card
from engines.core.errors import DatasetError, StudioError
from engines.core.faces import TEMPLATE, align, detect
from engines.faces import lids, spectacles
from engines.models.face_attributes import FaceAttributes
from engines.models.style_generator import StyleGenerator
from engines.train import axes, directions, retold, ways
from engines.train.directions import choose
from engines.train.portraits import Portraits, differences, mixes, portraits
from engines.train.recipes.encoder import load_module
from engines.train.responses import Census, Trial, kept_census, regress, shut, solve
from engines.train.ship import ship
from engines.train.sliders import COUPLES, HELD, MEASURED, SLIDERS, Found, Slider, merged, read, write


class Flat(torch.nn.Module):
    """A generator whose picture is a plain colour: the first three numbers of the mean of ws."""

    def __init__(self) -> None:
        super().__init__()
        from engines.models.style_generator import GeneratorOptions

        self.options = GeneratorOptions(resolution=128, z_dim=6, w_dim=6, channels=(4,) * 6)

    def mapping(self, z: torch.Tensor) -> torch.Tensor:
        return z

    def synthesis(self, ws: torch.Tensor, *, noise: object = None) -> torch.Tensor:
        w = ws.mean(1) if ws.dim() == 3 else ws
        return (0.2 * w[:, :3, None, None]).expand(-1, -1, 128, 128)


class Shade(torch.nn.Module):
    """An encoder that puts the red of a picture into the first number."""

    def forward(self, squares: torch.Tensor) -> torch.Tensor:
        ws = torch.zeros(len(squares), 2, 3)
        ws[:, 0, 0] = squares[:, 0].mean((1, 2))
        return ws


class Reader:
    """Scores that are the colours themselves: Smiling is red, Male is green plus half of red."""

    names = ("Smiling", "Male")

    def index(self, name: str) -> int:
        return self.names.index(name)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        colour = images.mean((2, 3))
        return torch.stack([colour[:, 0], colour[:, 1] + 0.5 * colour[:, 0]], 1)


def people() -> Census:
    w = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
    scores = Reader()(Flat().synthesis(w))
    return Census(w, torch.cat([scores, torch.full((400, 2), float("nan"))], 1), (*Reader.names, "yaw", "pitch"))


def test_the_shortest_step_moves_one_score_and_no_other() -> None:
    response = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(1))
    step = solve(response, torch.eye(5), slack=0.0)
    assert torch.allclose((response * step).sum((1, 2)), torch.tensor([1.0, 0.0, 0.0]), atol=1e-4)
    loose = solve(response, torch.eye(5), slack=0.5)
    assert loose.norm() < step.norm()


def test_regression_finds_what_scores_respond_to() -> None:
    found = regress(Census(people().w, people().scores[:, :2], Reader.names))
    smile, male = found
    assert smile[0] == pytest.approx(1.0, abs=0.05) and smile[1:].abs().max() < 0.05
    assert male[1] / male[0] == pytest.approx(2.0, rel=0.1)


def test_the_direction_of_a_smile_leaves_the_rest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directions, "HELD", Reader.names)
    monkeypatch.setattr(ways, "HELD", Reader.names)
    everyone = people()
    trial = Trial(Flat(), Reader(), everyone, count=8, seed=0)  # type: ignore[arg-type]
    slider = Slider("smile", "Smile", "Expression", "serious", "smiling", "Smiling")
    everyone = Census(everyone.w, everyone.scores[:, :2], Reader.names)
    by_w = regress(everyone)
    tries = ways.candidates(slider, everyone, by_w, torch.zeros(2, 18, 6), 18)
    method, layers, step = choose(slider, trial, [one for one in tries if one[0] == "regression"])
    effect = trial.effect(step, posed=False)
    assert float(effect[0]) == pytest.approx(1.0, abs=1e-3) and abs(float(effect[1])) < 0.05
    assert method == "regression" and 0 <= layers[0] < layers[1] <= 18
    with pytest.raises(StudioError, match="Nothing here moves smile"):
        choose(slider, trial, [("regression", (0, 18), torch.zeros(18, 6))])


def test_what_blond_people_differ_in_is_theirs_and_not_what_comes_with_it() -> None:
    rng = torch.Generator().manual_seed(3)
    blond = torch.randn(3000, generator=rng)
    smiling = 0.7 * blond + 0.7 * torch.randn(3000, generator=rng)  # those who are blond smile more often here
    ws = torch.randn(3000, 2, 3, generator=rng) * 0.3
    ws[:, 1, 0] += 2 * blond
    ws[:, 0, 1] += 1.5 * smiling
    values = torch.stack([blond, smiling / smiling.std()], 1)
    seen = Portraits(ws.half(), values, ("Blond_Hair", "Smiling"))
    held = differences(seen, "Blond_Hair", ["Blond_Hair", "Smiling", "age"], ridge=0.001)
    free = differences(seen, "Blond_Hair", [], ridge=0.001)
    assert held[1, 0] == pytest.approx(2.0, abs=0.1) and abs(float(held[0, 1])) < 0.1
    assert free[0, 1] == pytest.approx(1.05, abs=0.1), "not held, the smile comes along"
    with pytest.raises(KeyError):
        differences(seen, "age", [])


def test_a_mixture_takes_back_what_a_step_moves_besides() -> None:
    rng = torch.Generator().manual_seed(5)
    people = Portraits(torch.randn(500, 18, 4, generator=rng).half(), torch.randn(500, 3, generator=rng), tuple("abc"))
    response = torch.tensor([[1.0, 0.6, 0.0, 0.0], [0.3, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.5]])  # of a, b, c by w

    def effect(step: torch.Tensor) -> torch.Tensor:
        return response @ step.sum(0)

    mix = mixes(people, "abc", [(0, 18), (9, 18)], effect)[9, 18]
    assert not mix.steps[:, :9].any() and torch.allclose(mix.effects[1], effect(mix.steps[1]))
    only = mix.only("a", [], ridge=1e-9)
    assert torch.allclose(effect(only), torch.tensor([1.0, 0.0, 0.0]), atol=1e-3)
    free = mix.only("a", ["b"], ridge=1e-9)
    assert effect(free)[[0, 2]].tolist() == pytest.approx([1.0, 0.0], abs=1e-3)
    assert free.norm() < only.norm(), "b may move, so less is needed"


class _World:
    """Scores that answer to a step by more than its first-order effect."""

    response = torch.tensor([[1.0, 0.9, 0.0, 0.0], [0.9, 1.0, 0.2, 0.0], [0.0, 0.3, 0.0, 1.0]])

    def effect(self, step: torch.Tensor) -> torch.Tensor:
        moved = self.response @ step.mean(0)
        return moved * torch.tensor([1.0, 1.3, 1.0])  # the second moves more than small moves told


def test_a_mixture_of_axes_holds_what_small_moves_did_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axes, "HELD", ("Smiling", "Male"))
    monkeypatch.setattr(axes, "RIDGE", 1e-4)
    world = _World()
    steps = torch.zeros(8, 18, 4)
    steps[torch.arange(4), :9] = torch.eye(4)[:, None]
    steps[torch.arange(4, 8), 9:] = torch.eye(4)[:, None]
    effects = torch.stack([world.response @ step.mean(0) for step in steps])
    known = axes.Axes(steps, effects, ("Smiling", "Male", "age"))
    slider = Slider("smile", "Smile", "Expression", "serious", "smiling", "Smiling")
    first = world.effect(known.mixture(slider, world.effect, rounds=0))
    later = world.effect(known.mixture(slider, world.effect, rounds=8))
    assert abs(float(first[1])) < 0.05 and float(first[2]).__abs__() > 0.01, "age is free here"
    assert later[:2].tolist() == pytest.approx([1.0, 0.0], abs=1e-3)
    along = Slider("smile", "Smile", "Expression", "serious", "smiling", "Smiling", along=(("Male", 0.4),))
    assert world.effect(known.mixture(along, world.effect, rounds=12))[1] == pytest.approx(0.4, abs=1e-3)
    assert not known.mixture(slider, world.effect, first=9)[:9].any()
    turned = Slider("frown", "Frown", "Expression", "smiling", "serious", "-Smiling")
    assert world.effect(known.mixture(turned, world.effect))[0] == pytest.approx(-1.0, abs=1e-3)


def test_axes_are_tried_once_and_kept(tmp_path) -> None:
    everyone = people()
    trial = Trial(Flat(), Reader(), everyone, count=4, seed=0)  # type: ignore[arg-type]
    by_w = torch.zeros(4, 6)
    by_w[2, 0] = 1.0
    stored = tmp_path / "axes.safetensors"
    known = axes.axes(trial, everyone, by_w, count=5, stored=stored)
    assert known.steps.shape == (25, 18, 6) and known.effects.shape == (25, 4)
    halves = [known.effects[0, 0] * part for part in (1.0, 0.5, 0.5, 0.5, 0.5)]  # 6 layers, then 3 at a time
    assert known.effects[::5, 0].tolist() == pytest.approx([float(one) for one in halves], abs=1e-4)
    assert known.effects[10:, 2].abs().max() == 0, "layers from 9 on turn no head"
    assert known.effects[0, 2] == pytest.approx(2 * float(known.effects[5, 2]), abs=1e-5)
    monkeypatched = Trial(Flat(), Reader(), everyone, count=1, seed=9)  # type: ignore[arg-type]
    assert torch.equal(axes.axes(monkeypatched, everyone, by_w, count=5, stored=stored).effects, known.effects)


def test_portraits_are_read_and_encoded(tmp_path) -> None:
    archive = tmp_path / "faces.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for shade in range(8):
            Image.new("RGB", (128, 128), (30 * shade, 90, 90)).save(tmp_path / "x.png")
            out.write(tmp_path / "x.png", f"{shade}.png")
    seen = portraits(Shade(), Reader(), [archive], count=5)  # type: ignore[arg-type]
    assert seen.ws.shape == (5, 2, 3) and seen.values.shape == (5, 2)
    assert torch.allclose(seen.values.mean(0), torch.zeros(2), atol=1e-5)
    assert (seen.ws[:, 0, 0].diff() > 0).all() and (seen.values[:, 0].diff() > 0).all()
    step = differences(seen, "Smiling", [])
    assert step[0, 0] > 0.3 and step[1].abs().max() < 1e-3


def test_sliders_name_scores_that_are_held() -> None:
    assert len({slider.name for slider in SLIDERS}) == len(SLIDERS) == 17
    assert all(slider.score.lstrip("-") in HELD for slider in SLIDERS if not slider.taught or slider.score != "shut")
    assert next(slider.score for slider in SLIDERS if slider.name == "eyes_shut") == "shut" in MEASURED


def test_what_a_slider_moves_by_nature_is_named_once_and_with_its_reason() -> None:
    names = {slider.name: slider for slider in SLIDERS}
    known = load_module(SHIPPED[0].parent / "face-attributes.toml", FaceAttributes).names
    for name, couples in COUPLES.items():
        assert names[name].free == tuple(couples) and all(couples.values())
        assert names[name].score.lstrip("-") not in couples
        assert set(couples) <= {*known, *HELD}, name
    assert names["yaw"].free == ()


def test_eyes_are_read_as_shut_where_lids_lie_over_them() -> None:
    photo = np.ascontiguousarray(data.astronaut(), np.uint8)
    square = align(photo, detect(photo)[0], 256).astype(np.float32) / 255
    eyes = TEMPLATE[:2] * 256

    def read(picture: np.ndarray, side: int = 256) -> float:
        small = cv2.resize(picture.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
        return float(shut(torch.from_numpy(small).permute(2, 0, 1)[None] * 2 - 1))

    open_, half, closed = (read(lids.shut(square, eyes, 0.0, amount)) for amount in (0.0, 0.5, 1.0))
    assert open_ + 5 < closed and open_ < half < closed
    glasses = spectacles.glasses(eyes, 0.0, 256)
    worn = square + glasses[1][..., None] * (glasses[0] - square)
    assert abs(read(worn) - open_) < (closed - open_) / 3, "glasses are not lids"
    assert abs(read(square, 128) - open_) < (closed - open_) / 3, "nor is a smaller picture"
    pair = torch.from_numpy(np.stack([square, lids.shut(square, eyes, 0.0, 1.0)])).permute(0, 3, 1, 2) * 2 - 1
    assert shut(pair).tolist() == pytest.approx([open_, closed], abs=1e-3)


def test_a_census_of_other_scores_is_refused(tmp_path) -> None:
    stored = tmp_path / "census.safetensors"
    save_file({"w": torch.zeros(3, 6), "scores": torch.zeros(3, 5)}, stored)
    with pytest.raises(DatasetError, match="holds other scores"):
        kept_census(Flat(), Reader(), stored, say=print)  # type: ignore[arg-type]
    save_file({"w": torch.zeros(3, 6), "scores": torch.ones(3, 4)}, stored)
    kept = kept_census(Flat(), Reader(), stored, say=print)  # type: ignore[arg-type]
    assert kept.names == ("Smiling", "Male", "yaw", "pitch") and bool((kept.scores == 1).all())


def test_new_directions_take_the_places_of_old_ones(tmp_path) -> None:
    def found(name: str, high: float) -> Found:
        words = (name, name, "g", "l", "h", "Smiling")
        return Found(*words, -1.0, high, 1.0, 0.1, 0.1, "Male", 2.0, (0, 18), "gradient")

    old = ([found("age", 1.0), found("yaw", 1.0)], [torch.zeros(18, 4), torch.ones(18, 4)])
    write(tmp_path / "d.safetensors", *old)
    again = read(tmp_path / "d.safetensors")
    assert again[0] == old[0] and torch.equal(again[1][1], old[1][1])
    names = merged(again, [found("smile", 2.0), found("yaw", 3.0)], [torch.ones(18, 4) * 2] * 2)
    assert [(one.name, one.high, float(step[0, 0])) for one, step in zip(*names, strict=True)] == [
        ("smile", 2.0, 2.0),
        ("age", 1.0, 0.0),
        ("yaw", 3.0, 2.0),
    ]


def test_shipping_copies_weights_card_and_extra_files(tmp_path) -> None:
    run, into = tmp_path / "run", tmp_path / "models"
    run.mkdir()
    into.mkdir()
    (run / "net.safetensors").write_bytes(b"net")
    (run / "more.safetensors").write_bytes(b"more")
    entry = WeightFile("net.safetensors", "0" * 64, 1)
    card = ModelCard("net", "x", "Net", "Old.", "net", Source("own", (entry,)), "MIT", "nothing")
    write_card(card, run / "card.toml")
    shipped = ship(run, into, extra=[("directions", run / "more.safetensors")], about="New.")
    again = read_card(into / "net.toml")
    assert again == shipped and again.about == "New." and again.source.kind == "bundled"
    assert [(file.role, file.bytes) for file in again.source.files] == [("weights", 3), ("directions", 4)]
    assert (into / "more.safetensors").read_bytes() == b"more"


def test_the_end_of_a_range_is_drawn_in_to_the_bound_on_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial(Flat(), Reader(), people(), count=2, seed=0)  # type: ignore[arg-type]
    step = torch.zeros(18, 6)
    step[:, 0] = 1.0
    still = trial.images(torch.zeros_like(step))[:, 0].mean()
    # the distance grows with the colour, 0.24 a unit, either way
    monkeypatch.setattr(Trial, "identity", lambda self, images: float((images[:, 0].mean() - still).abs()) / 0.2 * 0.24)
    ends = [directions.within(trial, step, end) for end in (1.5, 2.0, -2.0, 0.0)]
    assert ends == pytest.approx([1.5, 1.8, -1.8, 0.0]), "1.9 units would be 0.456"
    monkeypatch.setattr(Trial, "identity", lambda self, images: 0.6)
    assert directions.within(trial, step, 1.0) == 0.0


SHIPPED = sorted((directions.Path(__file__).parents[2] / "assets" / "models").glob("*-directions.safetensors"))


def test_every_generator_of_faces_ships_its_directions() -> None:
    assert [path.name.removesuffix("-directions.safetensors") for path in SHIPPED] == ["faces-128", "faces-256"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_directions_say_what_was_measured(path: directions.Path) -> None:
    with safe_open(path, framework="pt") as file:
        table, tensor = json.loads(file.metadata()["directions"]), file.get_tensor("directions")
    assert len(table) == len(tensor) and tensor.isfinite().all()
    assert [entry["name"] for entry in table] == [slider.name for slider in SLIDERS]
    for entry in table:
        assert set(entry) == set(asdict(Found(**entry)))
        assert entry["low"] <= 0 <= entry["high"] and entry["low"] < entry["high"]
        assert 0 < entry["identity"] <= directions.IDENTITY_BOUND, entry["name"]
        assert entry["monotone"] >= directions.MONOTONE, entry["name"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_people_stay_themselves_at_the_end_that_comes_nearest_the_bound(path: directions.Path) -> None:
    """Measured again, and not read off the file, for the slider that goes furthest by what the file says."""
    net = load_module(path.with_name(path.name.replace("-directions.safetensors", ".toml")), StyleGenerator)
    found, steps = read(path)
    nobody = torch.zeros(1, 1)
    trial = Trial(net, None, Census(net.mapping.w_avg[None], nobody, ()), count=24, seed=22)  # type: ignore[arg-type]
    one, step = max(zip(found, steps, strict=True), key=lambda pair: pair[0].identity)
    furthest = max(trial.identity(trial.images(end * step)) for end in (one.low, one.high) if end)
    assert furthest <= directions.IDENTITY_BOUND and furthest == pytest.approx(one.identity, abs=0.02), one.name


def test_known_sliders_are_lengthened_and_measured_again(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(directions, "HELD", ("Smiling", "Male"))
    monkeypatch.setattr(Trial, "identity", lambda self, images: 0.25)
    everyone = people()
    trial = Trial(Flat(), Reader(), everyone, count=8, seed=0)  # type: ignore[arg-type]
    step = torch.zeros(15, 6)
    step[12:, 0] = 1.0  # the last level's latents, which go on in the level that is new
    before = Found("smile", "", "", "", "", "Smiling", -1.0, 2.0, 0.5, 0.9, 0.9, "age", 9.0, (12, 15), "axes", bend=0.6)
    said: list[str] = []
    (found,), (longer,) = retold.all_figures(trial, ([before], [step]), strips=tmp_path, say=said.append)
    assert longer.shape == (18, 6) and longer[12:, 0].tolist() == [1.0] * 6 and not longer[:12].any()
    assert (found.low, found.high, found.layers, found.method) == (-1.0, 2.0, (12, 18), "axes")
    assert found.label == "Smile" and found.monotone == 1.0 and found.identity == 0.25
    assert found.bend == 0.6, "a bend is no figure, and outlives a second measuring"
    # six of eighteen layers by one: a third of 0.2, over three units; green moves Male half as much, in its own spread
    assert found.change == pytest.approx(3 * 0.2 / 3, abs=1e-3) and found.moves_most == "Male"
    apart = 0.5 * float(everyone.spread[0] / everyone.spread[1])
    assert found.others == pytest.approx(apart, abs=1e-2) and len(said) == 1
    assert (tmp_path / "smile.png").exists()
