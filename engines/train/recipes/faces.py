"""The face generator: a style generator against a projected discriminator, kept varied by pairs.

A part of every batch is generated from the latents of that batch's real pictures (instances.py) and has to match them
in the discriminator's features and in coarse colour, beside fooling the heads; the rest comes from normal z.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from engines.core.card import ModelCard, Source
from engines.core.errors import DatasetError
from engines.core.weights import read_tensors
from engines.models.style_generator import GeneratorOptions, StyleGenerator
from engines.train import losses
from engines.train.augment import AugmentOptions, draw_changes
from engines.train.backbones import load_backbone, to_channels_last
from engines.train.data import Pictures, contact_sheet, load_pictures, to_bytes, to_signed
from engines.train.discriminators import ProjectedDiscriminator, trainable
from engines.train.ema import averaged_copy, ema_beta, update_ema
from engines.train.instances import instance_latents
from engines.train.loop import Machine
from engines.train.metrics import frechet_distance, kernel_distance, lite2_features
from engines.train.optim import adam, load_optimizer_state, optimizer_state
from engines.train.runs import Parts

HELP = "faces that do not exist, from aligned pictures of faces"
DATA = ("faces_synthetic_256.zip",)
NETWORKS = ("G", "G_ema", "D")


@dataclass(frozen=True)
class Options:
    """How the face generator is trained.

    resolution: side of the pictures. channels: of the generator from 4x4 up. view: side at which the discriminator's
    backbone looks (0: as they are). batch: pictures a step. paired: part of the batch made from real pictures' latents.
    g_lr, mapping_lr, d_lr: Adam's learning rates. adversarial, matching, colour, in_range: weights of the losses.
    ema_images: half-life of G_ema in pictures, at first ema_rampup of those shown. hold_out: pictures of the first
    archive never trained on. start_from: a G_ema file to start a new run from; levels it lacks start at random.
    """

    resolution: int = 128
    z_dim: int = 128
    w_dim: int = 256
    mapping_layers: int = 2
    channels: tuple[int, ...] = (256, 256, 256, 128, 64, 24)
    view: int = 0
    batch: int = 16
    paired: float = 0.5
    g_lr: float = 3e-4
    mapping_lr: float = 2e-4
    d_lr: float = 2e-4
    adversarial: float = 0.5
    matching: float = 20.0
    colour: float = 20.0
    in_range: float = 4.0
    ema_images: float = 4000.0
    ema_rampup: float = 0.2
    hold_out: int = 400
    start_from: str = ""

    def generator(self) -> GeneratorOptions:
        """The generator's own options."""
        return GeneratorOptions(self.resolution, self.z_dim, self.w_dim, self.mapping_layers, self.channels)


def build(data: Sequence[Path], options: Options, machine: Machine) -> "Faces":
    """Read the archives, hold some of the first one's pictures back, make the networks."""
    pictures = load_pictures(data, resolution=options.resolution)
    training, held_out = pictures.split(options.hold_out, prefix=f"{Path(data[0]).stem}/")
    return Faces(training, held_out, options, machine, sets=[Path(path).stem for path in data])


class Faces:
    """Generator, discriminator, their optimisers and the data, on one device. Implements loop.Trainee."""

    def __init__(
        self,
        training: Pictures,
        held_out: Pictures,
        options: Options,
        machine: Machine,
        *,
        sets: Sequence[str] = (),
    ) -> None:
        self.options, self.machine, self.sets = options, machine, tuple(sets)
        self.training, self.held_out = training, held_out
        self.reals = training.images.to(machine.device)  # uint8 (N, 3, R, R), all of it on the device
        self.latents: Tensor | None = None  # (2, N, z_dim), of the pictures and their mirror images
        torch.manual_seed(machine.seed)  # for the weights; every later random number comes from rng
        self.rng = torch.Generator(machine.device).manual_seed(machine.seed)
        self.backbone = load_backbone("lite0")
        self.G = StyleGenerator(options.generator())
        if options.start_from:
            load_matching(self.G, read_tensors(Path(options.start_from)))
        self.G = to_channels_last(self.G.to(machine.device))
        self.G_ema = averaged_copy(self.G)
        self.D = ProjectedDiscriminator(self.backbone, size=options.resolution, view=options.view or None)
        self.D = to_channels_last(self.D.to(machine.device))
        self.adam_G = adam([(self.G.mapping, options.mapping_lr), (self.G, options.g_lr)])
        self.adam_D = adam([(self.D.heads, options.d_lr)])
        self.images = 0  # real pictures shown so far
        self._held_out_features: Tensor | None = None

    # One step

    def step(self) -> Mapping[str, Tensor]:
        """The heads learn on real and generated pictures, then the generator learns from the same generated ones."""
        o = self.options
        pairs = round(o.batch * o.paired)
        reals, z = self._batch(pairs)
        change = draw_changes(o.batch, AugmentOptions(), rng=self.rng)  # one for both sides: pairs stay pairs
        with self.machine.autocast():
            w = self.G.mapping(z)
            fakes = self.G.synthesis(w, noise=self.rng)  # (B, 3, R, R)
            fake_features = self.D.features(change(fakes))
            with torch.no_grad():
                real_features = self.D.features(change(reals))
            real_logits = self.D.logits(real_features)
            fake_logits = self.D.logits([feature.detach() for feature in fake_features])
            loss_D = losses.hinge_discriminator(real_logits, fake_logits)
        self.adam_D.zero_grad(set_to_none=True)
        torch.autograd.backward(loss_D)
        self.adam_D.step()
        with self.machine.autocast(), frozen(self.D):
            adversarial = losses.hinge_generator(self.D.logits(fake_features))
            matching = losses.feature_matching([f[:pairs] for f in fake_features], [r[:pairs] for r in real_features])
            colour = (coarse(fakes[:pairs]) - coarse(reals[:pairs])).abs().mean()
            overshoot = losses.out_of_range(fakes)
        loss_G = o.adversarial * adversarial + o.in_range * overshoot
        if pairs:
            loss_G = loss_G + o.paired * (o.matching * matching + o.colour * colour)
        self.adam_G.zero_grad(set_to_none=True)
        torch.autograd.backward(loss_G)
        self.adam_G.step()
        self.images += o.batch
        self._average(w.detach())
        scalars = {"loss_D": loss_D, "adversarial": adversarial, "overshoot": overshoot}
        scalars |= {"matching": matching, "colour": colour} if pairs else {}
        return {name: value.detach() for name, value in scalars.items()}

    def _batch(self, pairs: int) -> tuple[Tensor, Tensor]:
        """Random pictures, half of them mirrored, (B, 3, R, R), and z (B, z_dim), the first `pairs` being theirs."""
        batch, device = self.options.batch, self.machine.device
        chosen = torch.randint(len(self.reals), (batch,), generator=self.rng, device=device)
        mirrored = torch.randint(2, (batch,), generator=self.rng, device=device)
        reals = to_signed(self.reals[chosen])
        reals = torch.where(mirrored[:, None, None, None].bool(), reals.flip(-1), reals)
        z = torch.randn(batch, self.options.z_dim, generator=self.rng, device=device)
        if pairs:
            latents = self._latents()
            z = torch.cat([latents[mirrored[:pairs], chosen[:pairs]].float(), z[pairs:]])
        return reals.contiguous(memory_format=torch.channels_last), z

    def _latents(self) -> Tensor:
        """The training pictures' own z, made at the first use."""
        if self.latents is None:
            latents = instance_latents(self.training.images, self.backbone, z_dim=self.options.z_dim)
            self.latents = latents.to(self.machine.device)
        return self.latents

    @torch.no_grad()
    def _average(self, w: Tensor) -> None:
        """Move G_ema, and the mean of w that truncation draws to."""
        self.G.mapping.w_avg.lerp_(w.float().mean(0), 0.01)
        o = self.options
        beta = ema_beta(self.images, half_life=o.ema_images, batch=o.batch, rampup=o.ema_rampup)
        update_ema(self.G_ema, self.G, beta=beta)

    # What the loop asks for

    def state(self) -> Parts:
        """Networks, Adam's moments, the count of images, the random state and the pictures' latents."""
        parts = {name: getattr(self, name).state_dict() for name in NETWORKS}
        parts["D"] = {name: value for name, value in parts["D"].items() if not name.startswith("backbone.")}
        parts |= {"adam_G": optimizer_state(self.adam_G), "adam_D": optimizer_state(self.adam_D)}
        parts["counters"] = {"images": torch.tensor(self.images), "rng": self.rng.get_state()}
        if self.latents is not None:
            parts["latents"] = {"z": self.latents, "names": name_digests(self.training)}
        return parts

    def load_state(self, parts: Parts) -> None:
        """Put a state back. The data set must be the one it was made with, or that and more.

        DatasetError if some of the pictures it was made with are missing.
        """
        backbone = {f"backbone.{name}": value for name, value in self.backbone.state_dict().items()}
        for name in NETWORKS:
            getattr(self, name).load_state_dict(parts[name] | (backbone if name == "D" else {}))
        load_optimizer_state(self.adam_G, parts["adam_G"])
        load_optimizer_state(self.adam_D, parts["adam_D"])
        self.images = int(parts["counters"]["images"])
        self.rng.set_state(parts["counters"]["rng"])
        if "latents" in parts:
            if "names" not in parts["latents"]:
                raise DatasetError(
                    "This run is of an older studio. Start a new one with --start-from and its newest G_ema file."
                )
            self._take_over_latents(parts["latents"]["z"], parts["latents"]["names"])

    def _take_over_latents(self, z: Tensor, names: Tensor) -> None:
        """Latents z (2, N, z_dim) of the pictures with these digests (N,) as before; or new ones, if there are more.

        New latents are the old ones turned and stretched, for those who have both, so the first layer of the mapping
        is turned back: what z meant it goes on meaning.
        """
        own = {digest: index for index, digest in enumerate(name_digests(self.training).tolist())}
        if any(digest not in own for digest in names.tolist()):
            raise DatasetError("This run was started with other pictures. Name the same archives, or another folder.")
        if len(names) == len(own):
            self.latents = z.to(self.machine.device)
            return
        kept = [own[digest] for digest in names.tolist()]
        new, old = self._latents()[:, kept].flatten(0, 1).float(), z.to(self.machine.device).flatten(0, 1).float()
        turn = torch.linalg.lstsq(new, old).solution  # (z_dim, z_dim): old = new @ turn
        for net in (self.G, self.G_ema):
            weight = net.mapping.layers[0].weight
            weight.data = weight.data @ turn.t().to(weight.dtype)

    def generate(self, count: int, *, seed: int, truncation_psi: float = 1.0) -> Tensor:
        """Pictures of G_ema from normal z, uint8 (count, 3, R, R); the same for the same seed."""
        rng = torch.Generator(self.machine.device).manual_seed(seed)
        chunks = []
        with torch.no_grad(), self.machine.autocast():
            for start in range(0, count, 40):
                size = min(40, count - start)
                z = torch.randn(size, self.options.z_dim, generator=rng, device=self.machine.device)
                chunks.append(to_bytes(self.G_ema(z, truncation_psi=truncation_psi, noise=rng)))
        return torch.cat(chunks)

    def sample(self) -> Image.Image:
        """Four rows of new faces at truncation 1, two at 0.7."""
        free, drawn = self.generate(40, seed=0), self.generate(20, seed=1, truncation_psi=0.7)
        return contact_sheet(torch.cat([free, drawn]), columns=10)

    def measure(self) -> Mapping[str, float]:
        """Fréchet and kernel distance on lite2 features, as many generated pictures as are held out."""
        if len(self.held_out) < 2:
            return {}
        if self._held_out_features is None:
            self._held_out_features = lite2_features(self.held_out.images, device=self.machine.device)
        ours = lite2_features(self.generate(len(self.held_out), seed=2), device=self.machine.device)
        return {
            "frechet_lite2": frechet_distance(ours, self._held_out_features),
            "kernel_lite2": kernel_distance(ours, self._held_out_features),
        }

    def result(self) -> dict[str, Tensor]:
        """G_ema in float16."""
        return {name: value.half() for name, value in self.G_ema.state_dict().items()}

    def card(self) -> ModelCard:
        """The card of a face generator of this run."""
        sets = ", ".join(self.sets) or "pictures of its owner"
        size = self.options.resolution
        return ModelCard(
            id=f"faces-{size}",
            engine="face_editing",
            title=f"Faces {size}",
            about=f"Makes {size}x{size} faces of people who do not exist. Trained by this studio's own recipe.",
            architecture="style_generator",
            source=Source("own", ()),
            licence="LicenseRef-research-only",
            trained_on=sets,
            input_range=(-1.0, 1.0),
            options=asdict(self.options.generator()),
        )


def name_digests(pictures: Pictures) -> Tensor:
    """A number for each picture that its name alone decides, int64 (N,)."""
    numbers = [hashlib.sha256(name.encode()).digest()[:8] for name in pictures.names]
    return torch.tensor([int.from_bytes(number, "big", signed=True) for number in numbers], dtype=torch.int64)


def coarse(images: Tensor) -> Tensor:
    """16x16 means of a picture, where its colours and its light are."""
    return F.adaptive_avg_pool2d(images.float(), 16)


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Within, a network's parameters take no gradient and its spectral norms rest; its input's gradient flows."""
    parameters = trainable(net)
    for parameter in parameters:
        parameter.requires_grad_(False)
    net.eval()
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
        net.train()


def load_matching(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Take over every tensor whose name and shape fit; the rest of the network stays as it is."""
    own = net.state_dict()
    net.load_state_dict(
        {name: tensors[name].float() if fits(tensors.get(name), own[name]) else own[name] for name in own}
    )


def fits(ours: Tensor | None, theirs: Tensor) -> bool:
    """Whether there is a tensor of that shape."""
    return ours is not None and ours.shape == theirs.shape
