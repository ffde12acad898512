"""Lessons by rule, and the recipe that teaches them to a generator."""

import numpy as np
import pytest
import torch

from engines.core.errors import DatasetError
from engines.models.face_attributes import FaceAttributes
from engines.models.style_generator import StyleGenerator
from engines.train import lessons, taught
from engines.train.data import Pictures
from engines.train.loop import choose_machine
from engines.train.recipes.teach import Lessons, Options, Pupil, Teach, people, unused_steps
from engines.train.responses import Census, Scores, Trial
from engines.train.runs import RunFolder, Snapshot
from engines.train.sliders import POSE, Found
from tests.train import tiny

EYES = np.array([[48.0, 60.0], [80.0, 60.0]])
STAGES = (*tiny.STAGES, *tiny.STAGES, *tiny.STAGES, *tiny.STAGES)


# The lessons


def person(light: float) -> np.ndarray:
    """A head with hair of this light before a grey wall."""
    y, x = (np.mgrid[0:128, 0:128] + 0.5) / 128
    face = np.full((128, 128, 3), 0.55, np.float32)
    head = np.hypot((x - 0.5) / 0.34, (y - 0.5) / 0.42) < 1
    skin = np.hypot((x - 0.5) / 0.235, (y - 0.60) / 0.265) < 1
    face[head] = np.array([1.0, 0.8, 0.6]) * light
    face[skin] = (0.8, 0.6, 0.5)
    return face


def test_grey_hair_is_grey_and_nothing_else_changes() -> None:
    face = person(0.3)
    grey = lessons.grey_hair(face, person(0.1), person(0.8))
    assert grey.dtype == np.float32 and grey.min() >= 0 and grey.max() <= 1
    hair = grey[14:24, 56:72].reshape(-1, 3)
    assert np.ptp(hair.mean(0)) < 0.03 and 0.45 < hair.mean() < 0.75
    assert np.array_equal(grey[60:90, 44:84], face[60:90, 44:84]), "skin"
    assert np.abs(grey[:, :8] - face[:, :8]).max() < 0.02, "wall"
    assert np.allclose(lessons.grey_hair(face, face, face), face), "nothing differs: nothing is hair"


def eyed(side: int = 128) -> np.ndarray:
    """A face of one colour with dark eyes and a red mouth."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) * 128 / side
    face = np.full((side, side, 3), (0.8, 0.62, 0.55), np.float32)
    face[10:24] = (0.3, 0.2, 0.1)
    for cx, cy in EYES:
        face[np.hypot((x - cx) / 7, (y - cy) / 3.2) < 1] = (0.15, 0.1, 0.1)
    face[np.hypot((x - 64) / 11, (y - 93) / 3) < 1] = (0.75, 0.3, 0.3)
    return face


def test_shut_eyes_are_lids_with_lashes() -> None:
    face = eyed()
    shut = lessons.shut_eyes(face, EYES, 0.0)
    for x, y in EYES.astype(int):
        assert np.abs(shut[y - 2, x] - (0.8, 0.62, 0.55)).max() < 0.06, "skin where the eye was"
        lashes = shut[y : y + 6, x].mean(1)
        assert lashes.min() < 0.4 and shut[y + 12, x].mean() > 0.6
    assert np.array_equal(shut[:40], face[:40]) and np.array_equal(shut[85:], face[85:])


def test_a_beard_leaves_lips_and_cheeks() -> None:
    face, nose = eyed(), np.array([64.0, 80.6])
    strands = lessons.strands_of(128, np.random.default_rng(0))
    assert strands.std() == pytest.approx(1, abs=1e-3)
    with_beard = lessons.beard(face, EYES, nose, 0.0, strands)
    assert with_beard[103, 64].mean() < 0.5 * face[103, 64].mean(), "chin"
    assert with_beard[86:89, 60:68].mean() < 0.75 * face[86:89, 60:68].mean(), "moustache"
    assert np.allclose(with_beard[93, 64], face[93, 64], atol=0.05), "lips"
    assert np.array_equal(with_beard[:70, 50:78], face[:70, 50:78]), "eyes and nose"
    turned = lessons.beard(face, EYES, nose, 0.25, strands)
    columns = np.arange(128)
    dark = [(np.clip(face - made, 0, 1)[95:115].sum((0, 2)) * columns).sum() for made in (with_beard, turned)]
    total = [np.clip(face - made, 0, 1)[95:115].sum() for made in (with_beard, turned)]
    assert dark[1] / total[1] > dark[0] / total[0] + 3, "it turns with the nose"


# The recipe


def lesson_book(count: int = 14) -> Lessons:
    rng = torch.Generator().manual_seed(3)
    plain = tiny.pictures(count)
    glasses = torch.full((count, 4, 16, 16), 20, dtype=torch.uint8)
    glasses[:, 3] = 0
    glasses[:, 3, 5:8] = 255
    changed = torch.stack([255 - plain, plain.flip(-1), plain.flip(-2)], 1)
    return Lessons(torch.randn(count, 9, 12, generator=rng), plain, changed, glasses)


def trainee(seed: int = 0) -> Teach:
    torch.manual_seed(5)
    generator = StyleGenerator(tiny.GENERATOR)
    options = Options(batch=4, lr=3e-3, step_lr=1e-2, looked_at=(0, 1), unseen=4)
    pictures = Pictures(torch.zeros(0, 3, 16, 16, dtype=torch.uint8), ())
    return Teach(
        generator, tiny.backbone(), lesson_book(), pictures, options, choose_machine("cpu", "float32", seed=seed)
    )


def test_what_is_wanted() -> None:
    book = lesson_book(2)

    def wanted(*amounts: float) -> torch.Tensor:
        return book.wanted(torch.tensor([amounts] * 2, dtype=torch.float32))

    plain, grey, shut = wanted(0, 0, 0, 0), wanted(0, 1, 0, 0), wanted(0, 0, 1, 0)
    assert torch.allclose(grey, -plain, atol=0.01) and torch.allclose(shut, plain.flip(-1), atol=0.01)
    assert torch.allclose(wanted(0, 0.5, 1, 0), shut - plain, atol=0.01)
    worn, half = wanted(1, 1, 0, 0), wanted(0.5, 0, 0, 0)
    assert torch.allclose(worn[:, :, 5:8], torch.tensor(20 / 127.5 - 1), atol=0.01)
    assert torch.equal(worn[:, :, 9], grey[:, :, 9]), "glasses lie over the rest, where they are"
    assert torch.allclose(half[:, :, 6], (plain[:, :, 6] + 20 / 127.5 - 1) / 2, atol=0.01)


def test_steps_begin_where_nobody_is() -> None:
    rng = torch.Generator().manual_seed(0)
    ws = torch.randn(200, 9, 12, generator=rng) * torch.tensor([0.01, 0.01, *[1.0] * 10])
    steps = unused_steps(ws, 2)
    assert steps.shape == (2, 9, 12) and float(steps[..., 2:].abs().max()) < 0.05
    assert abs(float((steps[0, 0] * steps[1, 0]).sum())) < 1e-4
    assert float(steps[0, 0].norm()) == pytest.approx(0.7 * float((ws - ws.mean((0, 1))).norm(dim=2).mean()), rel=1e-3)


def test_it_learns_a_fixed_batch_and_leaves_the_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = trainee()
    before = {name: value.clone() for name, value in trained.net.state_dict().items()}
    batch = trained._batch()
    monkeypatch.setattr(trained, "_batch", lambda: batch)
    first = trained.step()
    for _ in range(60):
        last = trained.step()
    assert float(last["pixels"]) < 0.8 * float(first["pixels"])
    after = trained.net.state_dict()
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert "steps" in moved and "G.const" in moved
    assert not any("mapping" in name or "noise_strength" in name for name in moved)


def test_going_on_equals_no_interruption() -> None:
    tiny.gone_on(trainee)


def test_half_see_none_and_a_quarter_all() -> None:
    trained = trainee()
    drawn = torch.cat([trained._batch()[1] for _ in range(200)]).flatten()
    assert float((drawn == 0).float().mean()) == pytest.approx(1 / 2, abs=0.03)
    assert float((drawn == 1).float().mean()) == pytest.approx(1 / 4, abs=0.03)
    assert float(drawn.min()) >= 0 and float(drawn.max()) <= 1


def test_measures_sheet_card_and_result() -> None:
    trained = trainee()
    figures = trained.measure()
    assert set(figures) == {"psnr_plain", *(f"psnr_{name}" for name in lessons.NAMES)}
    assert all(value > 0 for value in figures.values())
    assert trained.sample().size[1] % (2 + 2 * len(lessons.NAMES)) == 0
    card = trained.card()
    assert card.id == "faces-16" and card.architecture == "style_generator" and card.options["w_dim"] == 12
    StyleGenerator(tiny.GENERATOR).load_state_dict({k: v.float() for k, v in trained.result().items()}, strict=True)


def test_people_are_moved_by_what_is_known() -> None:
    generator = StyleGenerator(tiny.GENERATOR)
    shape = generator.options

    def encoder(images: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(images), shape.num_ws, shape.w_dim)

    pictures = Pictures(tiny.pictures(6), tuple(f"p/{i}" for i in range(6)))
    found = Found("smile", "", "", "", "", "Smiling", -1.0, 2.0, 1.0, 0.1, 0.1, "age", 1.0, (0, 9), "w")
    step = torch.zeros(shape.num_ws, shape.w_dim)
    still = people(generator, encoder, pictures, ([found], [step]), count=40, seed=0)
    assert still.shape == (40, shape.num_ws, shape.w_dim)
    assert int((still == 0).all((1, 2)).sum()) == 20, "half of them are the encoder's"
    step[:, 0] = 1.0
    ahead = people(generator, encoder, pictures, ([found], [step]), count=40, seed=0) - still
    assert float(ahead[..., 1:].abs().max()) == 0 and 1 <= int((ahead[:, 0, 0] != 0).sum()) <= 15
    assert float(ahead.min()) >= -1 and float(ahead.max()) <= 2


# What was taught, measured


def test_steps_come_out_of_a_run(tmp_path) -> None:
    run = RunFolder(tmp_path / "run")
    run.open()
    with pytest.raises(DatasetError, match="no run of the recipe teach"):
        taught.steps_of(run)
    trained = trainee()
    run.write_snapshot(Snapshot(12, 1.0, trained.state()))
    assert torch.equal(taught.steps_of(run), trained.ema.steps.detach())


def test_a_lesson_is_measured_from_none_of_it_to_all(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    torch.manual_seed(2)
    reader = FaceAttributes(("Eyeglasses", "Gray_Hair", "No_Beard"))

    class Told(Scores):
        """Eyeglasses are the light of a picture, grey hair its red; the rest is nothing."""

        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            values = torch.zeros(len(images), len(self.names))
            values[:, 0], values[:, 1] = images.mean((1, 2, 3)), images[:, 0].mean((1, 2))
            return values

    class Plain(StyleGenerator):
        def synthesis(self, ws, **_):
            return ws[:, 0, :3, None, None].expand(-1, 3, 16, 16)

    scores = Told(reader)
    names = (*scores.names, *POSE)
    monkeypatch.setattr(taught, "SLIDERS", [s for s in taught.SLIDERS if s.name in lessons.NAMES])
    monkeypatch.setattr("engines.train.directions.HELD", ("Eyeglasses", "Gray_Hair"))
    monkeypatch.setattr(Trial, "identity", lambda self, images: 0.25)
    people_read = Census(
        torch.zeros(50, 12), torch.randn(50, len(names), generator=torch.Generator().manual_seed(1)), names
    )
    trial = Trial(Plain(tiny.GENERATOR), scores, people_read, count=6, seed=1)
    steps = torch.zeros(2, 9, 12)
    steps[0, :, :3], steps[1, :, 0] = 2.0, 5.0
    with torch.no_grad():
        glasses, grey = taught.figures(trial, dict(zip(lessons.NAMES, steps, strict=False)), tmp_path / "strips")
    assert (glasses.low, glasses.high, glasses.monotone, glasses.method) == (0.0, 1.0, 1.0, "taught")
    assert glasses.change == pytest.approx(2.0, abs=0.05) and glasses.identity == 0.25
    assert grey.high == 1.0 and grey.change == pytest.approx(5.0, abs=0.1) and grey.moves_most == "Eyeglasses"
    assert {path.name for path in (tmp_path / "strips").iterdir()} == {"glasses.png", "hair_grey.png"}
    still = trial.images(torch.zeros(9, 12)).mean()  # the whole lesson is 2 away from it, and 0.48 in identity
    monkeypatch.setattr(Trial, "identity", lambda self, images: 0.24 * float((images.mean() - still).abs()))
    with torch.no_grad():
        (glasses,) = taught.figures(trial, {"glasses": steps[0]})
    assert glasses.high == 0.9 and glasses.identity == pytest.approx(0.432, abs=0.01), "to the bound and no further"


def test_noise_and_mapping_of_a_pupil_rest() -> None:
    pupil = Pupil(StyleGenerator(tiny.GENERATOR), torch.zeros(len(lessons.NAMES), 9, 12))
    resting = {name for name, parameter in pupil.named_parameters() if not parameter.requires_grad}
    assert resting and all("mapping" in name or "noise_strength" in name for name in resting)
    ws = torch.randn(3, 9, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(pupil(ws, torch.ones(3, len(lessons.NAMES))), pupil.G.synthesis(ws))
