"""The run folder: snapshots are whole or not there, the newest good one is found, statistics are rewound."""

import json

import pytest
import torch

from engines.core.errors import DatasetError
from engines.train.ema import averaged_copy, ema_beta, update_ema
from engines.train.optim import adam, load_optimizer_state, optimizer_state
from engines.train.runs import RunFolder, Snapshot, read_snapshot, shards


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path)
    folder.open()
    return folder


def snapshot(images: int) -> Snapshot:
    return Snapshot(images, 1.5, {"G": {"a": torch.full((3,), images), "b": torch.zeros(2, dtype=torch.uint8)}})


def test_a_snapshot_comes_back_as_it_was_and_two_are_kept(folder):
    for images in (10, 20, 30):
        folder.write_snapshot(snapshot(images))
    assert [path.name for path in folder.snapshots()] == ["000000020", "000000030"]
    newest = folder.newest_snapshot()
    assert newest is not None and newest.images == 30 and newest.seconds == 1.5
    assert torch.equal(newest.parts["G"]["a"], torch.full((3,), 30))
    assert newest.parts["G"]["b"].dtype == torch.uint8


def test_a_damaged_snapshot_is_passed_over(folder):
    folder.write_snapshot(snapshot(10))
    newest = folder.write_snapshot(snapshot(20))
    (newest / "G-1.safetensors").write_bytes(b"cut short")
    assert read_snapshot(newest) is None
    good = folder.newest_snapshot()
    assert good is not None and good.images == 10
    folder.write_snapshot(snapshot(20))
    mended = folder.newest_snapshot()
    assert mended is not None and mended.images == 20, "the next one of that number takes its place"


def test_a_run_with_nothing_whole_says_so(folder):
    assert folder.newest_snapshot() is None
    (folder.write_snapshot(snapshot(10)) / "manifest.json").unlink()
    with pytest.raises(DatasetError, match="damaged"):
        folder.newest_snapshot()


def test_half_written_snapshots_and_old_stop_requests_are_cleared(folder):
    (folder.path / "snapshots" / "000000040.tmp").mkdir()
    folder.stop_file.touch()
    folder.open()
    assert not folder.stop_file.exists() and not list((folder.path / "snapshots").iterdir())


def test_large_parts_are_split_below_the_limit():
    tensors = {f"t{index}": torch.zeros(100) for index in range(5)}  # 400 bytes each
    files = shards("G", tensors, limit=1000)
    assert [list(group) for group in files.values()] == [["t0", "t1"], ["t2", "t3"], ["t4"]]
    assert list(files) == ["G-1.safetensors", "G-2.safetensors", "G-3.safetensors"]


def test_statistics_of_a_lost_future_are_dropped(folder):
    for images in (10, 20, 30):
        folder.append_stats({"images": images, "loss": 1.0})
    with (folder.path / "stats.jsonl").open("a") as file:
        file.write('{"images": 4')
    folder.rewind_stats(20)
    assert [line["images"] for line in folder.read_stats()] == [10, 20]
    assert len((folder.path / "stats.jsonl").read_text().splitlines()) == 2


def test_light_copies_are_limited(folder):
    for images in range(5):
        folder.write_generator({"a": torch.zeros(1)}, images=images, keep=3)
    assert len(list((folder.path / "G_ema").iterdir())) == 3


def test_options_come_back(folder):
    folder.write_options({"recipe": "faces", "data": ["a.zip"]})
    assert folder.read_options() == json.loads((folder.path / "options.json").read_text())


def test_adam_goes_on_from_named_tensors():
    def trained(interrupted: bool) -> torch.Tensor:
        torch.manual_seed(0)
        net = torch.nn.Linear(3, 1)
        optimizer = adam([(net, 0.1)])
        for step in range(4):
            if interrupted and step == 2:
                state = {name: value.clone() for name, value in optimizer_state(optimizer).items()}
                assert sorted(state) == ["0.exp_avg_sq", "0.step", "1.exp_avg_sq", "1.step"]
                optimizer = adam([(net, 0.1)])
                load_optimizer_state(optimizer, state)
            optimizer.zero_grad()
            net(torch.full((1, 3), float(step))).square().sum().backward()
            optimizer.step()
        return net.weight.detach()

    assert torch.equal(trained(False), trained(True))


def test_adam_keeps_a_first_moment_that_matters_and_refuses_strangers():
    net = torch.nn.Linear(2, 1)
    optimizer = adam([(net, 0.1)], betas=(0.9, 0.99))
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert "0.exp_avg" in optimizer_state(optimizer)
    with pytest.raises(ValueError, match="does not fit"):
        load_optimizer_state(adam([(torch.nn.Linear(5, 1), 0.1)]), optimizer_state(optimizer))


def test_a_part_before_the_whole_is_taken_once():
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    first, rest = adam([(net[0], 0.1), (net, 0.2)]).param_groups
    assert len(first["params"]) == len(rest["params"]) == 2 and (first["lr"], rest["lr"]) == (0.1, 0.2)


def test_the_average_follows_with_its_half_life():
    net = torch.nn.Linear(1, 1, bias=False)
    net.weight.data.zero_()
    average = averaged_copy(net)
    net.weight.data.fill_(1.0)
    beta = ema_beta(10**7, half_life=160, batch=16)
    for _ in range(10):  # 160 images
        update_ema(average, net, beta=beta)
    assert average.weight.item() == pytest.approx(0.5)
    assert not average.weight.requires_grad
    assert ema_beta(1, half_life=160, batch=16) < 1e-5  # the first weights are forgotten
