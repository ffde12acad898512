"""Every card, the files behind it, and the models people bring."""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from engines import Engines, find_engines
from engines.core import ncnn, weights
from engines.core.card import ModelCard, Source, WeightFile, read_card, write_card
from engines.core.catalogue import Catalogue
from engines.core.errors import Cancelled, CardError, OptionError
from engines.core.job import Job, Progress
from engines.core.network import MEAN_ERROR
from engines.super_resolution import SuperResolution
from tests.conftest import FAST, ROOT

CARDS = sorted((ROOT / "assets" / "models").glob("*.toml"))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_every_card_tells_the_truth(path: Path, engines: Engines, tmp_path: Path) -> None:
    card = read_card(path)
    assert card.id == path.stem and card.title and card.about.endswith(".") and card.trained_on
    assert card.licence.startswith(("BSD", "MIT", "Apache", "CC", "LicenseRef")), "SPDX"
    write_card(card, tmp_path / path.name)
    assert replace(read_card(tmp_path / path.name), folder=card.folder) == card
    if card.source.remote:
        assert not engines.catalogue.is_local(card)
        return
    files = engines.catalogue.files(card)
    assert {file.role: files[file.role].stat().st_size for file in card.source.files} == {
        file.role: file.bytes for file in card.source.files
    }
    assert sum(tensor.numel() for tensor in weights.read(card, files).values()) == card.parameters


@pytest.mark.parametrize("path", [path for path in CARDS if not read_card(path).source.remote], ids=str)
def test_every_local_network_runs_at_its_scale(path: Path, engines: Engines) -> None:
    card = read_card(path)
    if card.engine != SuperResolution.name:
        pytest.skip("its own engine tests it")
    with engines.residency.lease(card) as network:
        y = network(torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0)))
        assert y.shape == (1, 3, 16 * card.scale, 24 * card.scale) and y.dtype == torch.float32
        assert network.error <= MEAN_ERROR


def test_all_weights_in_the_repository_are_small() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "assets").rglob("*.safetensors")]
    assert len(sizes) > 5 and all(size < 16e6 for size in sizes) and sum(sizes) < 120e6


def test_the_package_ships_one_animevideo_network_three_times() -> None:
    """Its x2 and x3 files are the x4 network byte for byte; that is why there is one card and any scale."""
    card = read_card(ROOT / "assets" / "models" / f"{FAST}.toml")
    file = card.source.files[0]
    hashes = set()
    for scale in "234":
        path = weights.locate(card, replace(file, file=f"models/realesr-animevideov3-x{scale}.bin"), Path())
        assert path is not None
        hashes.add(weights.sha256(path))
    assert hashes == {file.sha256}


def test_damaged_cards_are_reported_and_the_rest_live(tmp_path: Path) -> None:
    good = (ROOT / "assets" / "models" / f"{FAST}.toml").read_text(encoding="utf-8")
    (tmp_path / "good.toml").write_text(good)
    (tmp_path / "bad.toml").write_text("id = ")
    (tmp_path / "evil.toml").write_text(good.replace("models/", "../../../etc/"))
    (tmp_path / "half.toml").write_text('id = "x"\n')
    catalogue = Catalogue(tmp_path, tmp_path / "home")
    assert [card.id for card in catalogue.cards()] == [FAST]
    assert len(catalogue.broken) == 3
    assert all(name in " ".join(catalogue.broken) for name in ("bad.toml", "evil.toml", "half.toml"))
    with pytest.raises(CardError, match=r'no model "nobody"\. Choose one of: ' + FAST):
        catalogue["nobody"]


def test_ncnn_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    param = "7767517\n2 2\nInput in 0 1 data\nConvolution c 1 1 data out 0=2 1=3 4=1 5=1 6=54\n"
    (tmp_path / "a.param").write_text(param)
    body = (0).to_bytes(4, "little") + np.arange(56, dtype="<f4").tobytes()
    (tmp_path / "a.bin").write_bytes(body[:-8])
    with pytest.raises(CardError, match="end too early"):
        ncnn.read_state_dict(tmp_path / "a.param", tmp_path / "a.bin")
    (tmp_path / "a.bin").write_bytes(body + b"more")
    with pytest.raises(CardError, match=r"is 232 bytes long but a\.param describes 228"):
        ncnn.read_state_dict(tmp_path / "a.param", tmp_path / "a.bin")
    (tmp_path / "a.bin").write_bytes(body)
    with pytest.raises(CardError, match="1 convolutions is not an RRDBNet"):
        ncnn.read_state_dict(tmp_path / "a.param", tmp_path / "a.bin")
    (tmp_path / "a.param").write_text(param.replace("Convolution", "LSTM"))
    with pytest.raises(CardError, match="layer LSTM"):
        ncnn.read_state_dict(tmp_path / "a.param", tmp_path / "a.bin")


# models people bring


@pytest.fixture
def compact() -> dict[str, torch.Tensor]:
    """A tiny random upscaler (SRVGGNetCompact, x2) under the names of published files."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for index, (rows, columns) in {0: (8, 3), 2: (8, 8), 4: (12, 8)}.items():
        state[f"body.{index}.weight"] = torch.randn(rows, columns, 3, 3, generator=generator) * 0.05
        state[f"body.{index}.bias"] = torch.zeros(rows)
    state["body.1.weight"] = state["body.3.weight"] = torch.full((8,), 0.1)
    return state


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_persons_model_becomes_a_card_and_works(
    tmp_path: Path, compact: dict[str, torch.Tensor], suffix: str
) -> None:
    path = tmp_path / f"My Model{suffix}"
    if suffix == ".pth":
        torch.save({"params": compact}, path)
    else:
        safetensors.torch.save_file({k: v.clone() for k, v in compact.items()}, path)
    engines = Engines("cpu", home=tmp_path / "home")
    card = engines.catalogue.add_own(path)
    assert (card.id, card.scale, card.source.kind) == ("my-model", 2, "own")
    second = engines.catalogue.add_own(path)
    assert second.id == "my-model-2"
    image = np.full((10, 12, 3), 120, np.uint8)
    result = engines[SuperResolution].upscale(image, model=card.id, scale=2)
    assert result.shape == (20, 24, 3) and not np.array_equal(result, np.full_like(result, 120))
    again = Engines("cpu", home=tmp_path / "home")
    assert np.array_equal(again[SuperResolution].upscale(image, model="my-model", scale=2), result)
    again.catalogue.remove_own("my-model")
    with pytest.raises(CardError, match="no model"):
        again.catalogue["my-model"]
    assert not list((tmp_path / "home" / "models").glob("my-model.*"))


def test_broken_models_get_a_sentence_and_run_no_code(tmp_path: Path, compact: dict[str, torch.Tensor]) -> None:
    catalogue = Catalogue(tmp_path / "none", tmp_path / "home")

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.write_text, (tmp_path / "pwned", "x"))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"body.0.weight": Evil()}))
    torch.save({"w": Evil()}, tmp_path / "evil2.pth")
    (tmp_path / "text.safetensors").write_text("not a model")
    (tmp_path / "empty.pth").write_bytes(b"")
    torch.save({"epoch": 3}, tmp_path / "numbers.pth")
    torch.save({"layer.weight": torch.zeros(3, 3)}, tmp_path / "unknown.pth")
    torch.save(compact | {"body.2.weight": torch.zeros(8, 5, 3, 3)}, tmp_path / "shape.pth")
    (tmp_path / "notes.txt").write_text("hello")
    sentences = {
        "evil.pth": "more than plain tensors|damaged",
        "evil2.pth": "more than plain tensors",
        "text.safetensors": "is damaged or not a model file",
        "empty.pth": "is damaged",
        "numbers.pth": "holds no weights",
        "unknown.pth": "not one the studio knows",
        "shape.pth": "not one the studio knows|do not fit",
        "notes.txt": "is not a model file",
    }
    for name, sentence in sentences.items():
        with pytest.raises(CardError, match=sentence):
            catalogue.add_own(tmp_path / name)
    assert not (tmp_path / "pwned").exists()
    assert catalogue.cards() == [] and not list((tmp_path / "home").rglob("*.toml"))


def test_a_public_studio_takes_no_models(tmp_path: Path) -> None:
    engines = Engines("cpu", home=tmp_path, own_models=False)
    with pytest.raises(OptionError, match="does not take models"):
        engines.catalogue.add_own(tmp_path / "x.pth")
    with pytest.raises(OptionError, match="belongs to the studio"):
        Engines("cpu", home=tmp_path).catalogue.remove_own(FAST)


# the hub, played by a server on this machine


class Hub(BaseHTTPRequestHandler):
    """Answers like a model hub: HEAD and ranged GET of /place/resolve/revision/file."""

    def __init__(self, files: dict[str, bytes], log: list[str], *args: Any) -> None:
        self.files, self.log = files, log
        super().__init__(*args)

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _answer(self, *, body: bool) -> None:
        self.log.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        name = self.path.rsplit("/", 1)[-1].split("?")[0]
        data = self.files.get(name)
        if data is None or "/resolve/" not in self.path:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            return
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", self.path.split("/resolve/")[1].split("/")[0])
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if body:
            self.wfile.write(data[start:])

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dict[str, bytes], list[str]]]:
    files: dict[str, bytes] = {}
    log: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Hub, files, log))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield files, log
    server.shutdown()
    server.server_close()


def hub_card(files: dict[str, bytes], state: dict[str, torch.Tensor], *, wrong_hash: bool = False) -> ModelCard:
    twin = {key: value * 0.5 for key, value in state.items()}
    entries = []
    for name, tensors, role in (("net.safetensors", state, "weights"), ("twin.safetensors", twin, "denoise")):
        files[name] = safetensors.torch.save({key: value.clone() for key, value in tensors.items()})
        digest = "0" * 64 if wrong_hash else hashlib.sha256(files[name]).hexdigest()
        entries.append(WeightFile(name, digest, len(files[name]), role))
    return ModelCard(
        id="from-hub",
        engine="super_resolution",
        title="From the hub",
        about="A test.",
        architecture="spandrel",
        source=Source("hub", tuple(entries), place="someone/some-model", revision="0123456789abcdef" * 2 + "01234567"),
        licence="MIT",
        trained_on="nothing",
        scale=2,
    )


def test_a_hub_model_downloads_once_with_progress_and_blends(
    tmp_path: Path, hub: tuple[dict[str, bytes], list[str]], compact: dict[str, torch.Tensor]
) -> None:
    files, log = hub
    card = hub_card(files, compact)
    (tmp_path / "cards").mkdir()
    write_card(card, tmp_path / "cards" / "from-hub.toml")
    engines = Engines("cpu", home=tmp_path / "home", cards=tmp_path / "cards")
    card = engines.catalogue["from-hub"]
    assert not engines.catalogue.is_local(card) and card.denoise
    seen: list[Progress] = []
    image = np.full((10, 12, 3), 120, np.uint8)
    sr = engines[SuperResolution]
    clean = sr.upscale(image, model="from-hub", scale=2, denoise=1.0, job=Job(seen.append))
    assert any("Downloading From the hub" in progress.message for progress in seen)
    assert engines.catalogue.is_local(card)
    requests = len(log)
    assert f"/someone/some-model/resolve/{card.source.revision}/net.safetensors" in " ".join(log)
    grainy = sr.upscale(image, model="from-hub", scale=2, denoise=0.0)
    assert len(log) == requests  # nothing is asked twice
    assert not np.array_equal(clean, grainy)
    with engines.residency.lease(card, precision="float32", blend=0.5) as network:
        first = network._module.state_dict()["body.0.weight"]
        torch.testing.assert_close(first, compact["body.0.weight"] * 0.75)
    with pytest.raises(OptionError, match="no denoise slider"):
        Engines("cpu", home=tmp_path)[SuperResolution].upscale(image, model=FAST, denoise=0.3)


def test_a_broken_off_download_goes_on_where_it_stopped(
    tmp_path: Path, hub: tuple[dict[str, bytes], list[str]], compact: dict[str, torch.Tensor]
) -> None:
    files, log = hub
    big = compact | {"filler": torch.rand(1 << 23, generator=torch.Generator().manual_seed(0))}  # 34 MB, four chunks
    card = hub_card(files, big)
    job = Job(lambda progress: job.cancel() if 0 < progress.fraction < 1 else None)
    with pytest.raises(Cancelled):
        weights.obtain(card, card.source.files[0], tmp_path, job)
    assert weights.locate(card, card.source.files[0], tmp_path) is None
    path = weights.obtain(card, card.source.files[0], tmp_path)
    assert weights.sha256(path) == card.source.files[0].sha256
    assert any(line.startswith("GET") and "bytes=" in line for line in log), "it began anew"


def test_a_wrong_file_is_thrown_away_and_an_unreachable_hub_says_what_to_do(
    tmp_path: Path,
    hub: tuple[dict[str, bytes], list[str]],
    compact: dict[str, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files, _ = hub
    card = hub_card(files, compact, wrong_hash=True)
    with pytest.raises(CardError, match="is not the file its card names"):
        weights.obtain(card, card.source.files[0], tmp_path)
    assert weights.locate(card, card.source.files[0], tmp_path) is None
    files.clear()
    with pytest.raises(CardError, match="could not be downloaded from someone/some-model"):
        weights.obtain(card, card.source.files[0], tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CardError, match="Check the network, or set HF_ENDPOINT"):
        weights.obtain(card, card.source.files[0], tmp_path / "b")


def test_a_file_of_the_web_comes_from_its_address(
    tmp_path: Path, hub: tuple[dict[str, bytes], list[str]], compact: dict[str, torch.Tensor]
) -> None:
    files, log = hub
    file = hub_card(files, compact).source.files[0]
    address = f"{os.environ['HF_ENDPOINT']}/resolve/here/{file.file}?id=7"
    card = replace(hub_card(files, compact), source=Source("web", (file,), place=address))
    assert card.source.remote and weights.locate(card, file, tmp_path) is None
    path = weights.obtain(card, file, tmp_path)
    assert path.read_bytes() == files[file.file] and path.name == file.file
    assert [line.split()[1] for line in log] == ["/resolve/here/net.safetensors?id=7"]
    assert weights.obtain(card, file, tmp_path) == path and len(log) == 1
    other = replace(card, source=Source("web", (replace(file, sha256="0" * 64),), place=address))
    with pytest.raises(CardError, match="is not the file its card names"):
        weights.obtain(other, other.source.files[0], tmp_path)


@pytest.mark.parametrize("place", ["http://example.org/net.pth", "someone/some-model", ""])
def test_a_web_card_names_an_https_address(tmp_path: Path, place: str, compact: dict[str, torch.Tensor]) -> None:
    files: dict[str, bytes] = {}
    source = Source("web", hub_card(files, compact).source.files[:1], place=place)
    write_card(replace(hub_card(files, compact), source=source), tmp_path / "from-hub.toml")
    with pytest.raises(CardError, match="https address"):
        read_card(tmp_path / "from-hub.toml")


def test_engines_are_found_by_looking() -> None:
    names = [kind.name for kind in find_engines()]
    assert "super_resolution" in names and len(set(names)) == len(names)
