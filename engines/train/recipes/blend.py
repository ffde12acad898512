"""The colour constraint of `blend`: what light an object has to stand in to belong to the picture it is pasted into.

First alone: pieces of photographs in other light have to get their own back (absolute and squared difference in the
piece). Then also a projected discriminator, as GP-GAN (Wu et al. 2019) uses one, that has to tell them from untouched
pieces; with it come objects of other photographs, for which nobody knows the truth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from engines.core.card import ModelCard, Source
from engines.core.weights import read_tensors
from engines.models.blend_unet import BlendUNet, relit
from engines.train import losses
from engines.train.averaged import Opposed
from engines.train.backbones import load_backbone, start_encoder
from engines.train.blend_batches import CPU, KINDS, Labelled, Pasted, Pieces, labelled
from engines.train.colours import ciede2000, rgb_to_lab
from engines.train.data import contact_sheet, load_sets
from engines.train.depthwise import quicken
from engines.train.discriminators import ProjectedDiscriminator
from engines.train.loop import Machine

HELP = "the light and colour an object needs where it is pasted"
DATA = (
    "photos_288.zip",
    "scenes_100.zip",
    "clothing_256.zip",
    "faces_synthetic_256.zip",
    "faces_celeba_128.zip",
    "textures_256.zip",
)
SHARES = {
    "photos_288": 0.42,
    "scenes_100": 0.20,
    "clothing_256": 0.16,
    "faces_synthetic_256": 0.07,
    "faces_celeba_128": 0.11,
    "textures_256": 0.04,
}
PACKED = {"scenes_100": 112, "faces_synthetic_256": 144}  # side at which a set is kept …
PACKED_OTHERS = 128  # … and all others
FLAT = ("scenes_100", "textures_256")  # sets whose pictures show no object in their middle
AT_MOST = 1500  # pictures of a set
COUNT = 200  # composites of each kind that are measured
CHANCES = {"outline": 0.5, "moved": 0.32, "cut": 0.18}


@dataclass(frozen=True)
class Options:
    """How the colour constraint is trained.

    side: of the squares. widths: of the decoder. batch: pictures a step. strangers: objects of other photos, as a part
    of the batch, once the adversarial loss has begun. frozen: first blocks of the encoder that stay as they are, as do
    all its depthwise convolutions. decoder_lr, encoder_lr, d_lr: Adam's learning rates; the first two fall to a
    twentieth by `total` pictures. l1, l2, range, adversarial: weights of the losses. adversarial_from: pictures shown
    before the adversarial loss begins. r1, r1_every: R1 on the discriminator's mixed features, every so many steps.
    ema_images: half-life of the average in pictures. hold_out: pictures of each archive never trained on. start_from: a
    result to start a new run from.
    """

    side: int = 64
    widths: tuple[int, ...] = (96, 128)
    batch: int = 32
    strangers: float = 0.25
    frozen: int = 2
    decoder_lr: float = 1e-3
    encoder_lr: float = 2e-4
    d_lr: float = 2e-4
    total: int = 100_000
    l1: float = 4.0
    l2: float = 12.0
    range: float = 1.0
    adversarial: float = 0.02
    adversarial_from: int = 80_000
    r1: float = 0.1
    r1_every: int = 8
    ema_images: float = 4000.0
    hold_out: int = 60
    start_from: str = ""


def build(data: Sequence[Path], options: Options, machine: Machine) -> "Blend":
    """Read the archives, hold some of each back, find outlines, make the networks."""
    training, held_out = load_sets(data, sides=PACKED, side=PACKED_OTHERS, hold_out=options.hold_out)
    seen = {
        name: labelled(pictures.subset(range(min(AT_MOST, len(pictures)))), objects=name not in FLAT)
        for name, pictures in training.items()
    }
    kept_back = {
        name: labelled(pictures, objects=name not in FLAT) for name, pictures in zip(training, held_out, strict=True)
    }
    torch.manual_seed(machine.seed)
    net = BlendUNet(widths=options.widths)
    # of the mask its first layer knows nothing at first
    start_encoder(net.encoder, lambda stem: torch.cat([stem, torch.zeros_like(stem[:, :1])], 1))
    return Blend(net, seen, kept_back, options, machine)


class Blend(Opposed[BlendUNet]):
    """The network, its average, its discriminator and the data. Implements loop.Trainee."""

    def __init__(
        self,
        net: BlendUNet,
        training: Mapping[str, Labelled],
        held_out: Mapping[str, Labelled],
        options: Options,
        machine: Machine,
    ) -> None:
        self.options, self.machine = options, machine
        self.pieces = Pieces(training, SHARES, side=options.side, device=machine.device)
        self.held_out = held_out
        self.rng = torch.Generator().manual_seed(machine.seed)
        self.sets = {name: len(data.labels) for name, data in training.items()}
        if options.start_from:
            net.load_state_dict({name: t.float() for name, t in read_tensors(Path(options.start_from)).items()})
        else:
            self._fit_taps(net)
        for part in net.encoder._blocks[: options.frozen]:
            part.requires_grad_(False)
        quicken(net.encoder)
        D = ProjectedDiscriminator(
            quicken(load_backbone("lite0")),
            size=options.side,
            blocks=(0, 2, 4, 10),
            out_channels=(32, 64, 64, 128),
            width=48,
        )
        self.oppose(net, D, machine.device)
        self.learn(self.net.encoder, encoder_lr=options.encoder_lr, decoder_lr=options.decoder_lr, d_lr=options.d_lr)

    def _fit_taps(self, net: BlendUNet) -> None:
        """Set the scales of the encoder's maps from a batch."""
        batch = self.pieces.draw(32, torch.Generator().manual_seed(self.machine.seed), kinds=CHANCES)
        batch = batch.to(CPU)  # the network comes to the device later
        with torch.no_grad():
            seen = torch.cat([batch.composite * 2 - 1, batch.mask], 1)
            for tap, x in zip(net.skips, net.encoder.features(seen, blocks=net.taps), strict=True):
                tap.fit(x)  # type: ignore[operator]

    def step(self) -> Mapping[str, Tensor]:
        """One step of the network and, once the adversarial phase has begun, one of the discriminator."""
        o = self.options
        self.cosine(total=o.total, batch=o.batch)
        adversarial = self.images >= o.adversarial_from
        strangers = round(o.batch * o.strangers) if adversarial else 0
        batch = self.pieces.draw(o.batch - strangers, self.rng, kinds=CHANCES, strangers=strangers)
        batch = batch.to(self.machine.device)  # it is there: in the fast memory order
        with self.machine.autocast():
            curves = self.net(batch.composite, batch.mask)
        lit = relit(batch.piece, curves.float())
        said = piece_losses(lit, batch)
        loss = o.l1 * said["l1"] + o.l2 * said["l2"] + o.range * said["range"]
        if adversarial:
            with self.machine.autocast():
                with torch.no_grad():
                    real = self.D.features(batch.truth * 2 - 1)
                mixed = batch.truth + batch.mask * (lit.clamp(-0.1, 1.1) - batch.truth)
                fake = self.D.features(mixed * 2 - 1)
                self.D.eval()
                said["adversarial"] = losses.hinge_generator_at(self.D.logits(fake), batch.mask)
            loss = loss + o.adversarial * said["adversarial"]
        self.descend(loss)
        if adversarial:
            r1 = o.r1 * o.r1_every if self.images // o.batch % o.r1_every == 0 else 0.0
            said["loss_D"] = self.tell_apart(real, fake, machine=self.machine, where=batch.mask, r1=r1)
        self.shown(o.batch, half_life=o.ema_images)
        return {name: value.detach() for name, value in said.items()}

    # What the loop asks for

    @torch.no_grad()
    def relight(self, batch: Pasted) -> Tensor:
        """The batch's composites with their objects in the averaged network's light, (N, 3, S, S) in [0, 1]."""
        rows = []
        for start in range(0, len(batch.mask), 30):
            some = slice(start, start + 30)
            part = Pasted(batch.truth[some], batch.piece[some], batch.mask[some], batch.known[some])
            part = part.to(self.machine.device)
            with self.machine.autocast():
                curves = self.ema(part.composite, part.mask)
            lit = relit(part.piece, curves.float()).clamp(0, 1)
            rows.append((part.truth + part.mask * (lit - part.truth)).cpu())
        return torch.cat(rows)

    def fixed(self, kind: str, count: int, *, strangers: int = 0) -> Pasted:
        """The same composites of held-out pictures each time."""
        pieces = Pieces(self.held_out, SHARES, side=self.options.side)
        rng = torch.Generator().manual_seed(100 + KINDS.index(kind))
        return pieces.draw(count, rng, kinds={kind: 1.0}, strangers=strangers)

    def sample(self) -> Image.Image:
        """Held-out pieces: composite, ours, truth; three rows of ten each. Of the last ten nobody knows the truth."""
        batch = self.fixed("outline", 20, strangers=10)
        shown = [
            (x.clamp(0, 1) * 255).round().to(torch.uint8) for x in (batch.composite, self.relight(batch), batch.truth)
        ]
        return contact_sheet(torch.cat([kind[i : i + 10] for i in (0, 10, 20) for kind in shown]), columns=10)

    def measure(self) -> Mapping[str, float]:
        """In the object of composites made of held-out pictures, by kind: MSE, PSNR and CIEDE2000, before and after."""
        figures = {}
        for kind in KINDS:
            batch = self.fixed(kind, COUNT)
            for name, images in (("composite", batch.composite), ("ours", self.relight(batch))):
                for measure, value in in_object(images, batch.truth, batch.mask).items():
                    figures[f"{measure}_{kind}_{name}"] = float(value.mean())
        return figures

    def card(self) -> ModelCard:
        """The card of a colour constraint of this run."""
        return ModelCard(
            id="blend",
            engine="inpainting",
            title="Light 2026",
            about="Tells what light and colours a pasted object needs. It changes colours, never shapes.",
            architecture="blend_unet",
            source=Source("own", ()),
            licence="LicenseRef-research-only",
            trained_on=", ".join(f"{name} ({count:,})" for name, count in self.sets.items()),
            options={"widths": list(self.options.widths)},
            role="reader",
            order=520,
        )


def piece_losses(lit: Tensor, batch: Pasted) -> dict[str, Tensor]:
    """Absolute and squared difference from the truth in objects that have one, each object alike; and range."""
    known = batch.known.float()
    area = batch.mask.sum((1, 2, 3)).clamp_min(1) * 3
    apart = (lit - batch.truth) * batch.mask
    near = (apart.abs().sum((1, 2, 3)) / area * known).sum() / known.sum()
    square = (apart.square().sum((1, 2, 3)) / area * known).sum() / known.sum()
    beyond = ((lit - lit.clamp(0, 1)).abs() * batch.mask).sum((1, 2, 3)) / area
    return {"l1": near, "l2": square, "range": beyond.mean()}


def in_object(images: Tensor, truth: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """MSE (of 255), PSNR and CIEDE2000 of pictures in [0, 1] where the mask is over a half, (N,) each."""
    ours, theirs = ((x.clamp(0, 1) * 255).round().to(torch.uint8) for x in (images, truth))
    inside = (mask > 0.5).double()
    area = inside.sum((1, 2, 3))
    mse = ((ours.double() - theirs.double()).square() * inside).sum((1, 2, 3)) / (3 * area)
    seen = ciede2000(rgb_to_lab(ours), rgb_to_lab(theirs))
    return {
        "mse": mse,
        "psnr": 10 * torch.log10(255.0**2 / mse.clamp_min(0.5)),
        "ciede2000": (seen * inside[:, 0]).sum((1, 2)) / area,
    }
