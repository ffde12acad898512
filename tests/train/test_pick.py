"""Part of an archive, chosen by what a reader finds in its pictures."""

import zipfile

import pytest
import torch

from engines.core.errors import DatasetError
from engines.train import pick
from engines.train.data import load_pictures
from tests.train import tiny

NAMES = ("d.png", "a.png", "c.png", "b.png", "e.png")


class Red:
    """Reads how red a picture is: a logit above zero for more than half."""

    names = ("Red",)

    def index(self, name: str) -> int:
        return self.names.index(name)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return 10 * images[:, :1].mean((2, 3))


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    images = torch.zeros(5, 3, 16, 16, dtype=torch.uint8)
    images[[1, 4], 0] = 250
    return tiny.write_archive(tmp_path / "faces.zip", images, NAMES)


def test_the_wanted_are_taken_and_others_by_a_fixed_rule(archive):
    pictures = load_pictures([archive], resolution=16)
    assert pick.pick(pictures, Red(), {"Red": 0.5}, others=0) == ["faces/a.png", "faces/e.png"]
    some = pick.pick(pictures, Red(), {"Red": 0.5}, others=2)
    assert len(some) == 4 and set(some) >= {"faces/a.png", "faces/e.png"}
    assert pick.pick(pictures, Red(), {"Red": 0.5}, others=2) == some
    assert len(pick.pick(pictures, Red(), {"Red": 0.5}, others=99)) == 5


def test_what_the_reader_does_not_know_is_said(archive):
    with pytest.raises(DatasetError, match=r"no Blue\. It knows: Red"):
        pick.pick(load_pictures([archive], resolution=16), Red(), {"Blue": 0.5}, others=0)


def test_the_command_line_copies_members_as_they_are(archive, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pick, "load_module", lambda card, kind: None)
    monkeypatch.setattr(pick, "Scores", lambda reader: Red())
    out = tmp_path / "part.zip"
    command = [str(archive), "--reader", "card.toml", "--want", "Red=0.5", "--out", str(out)]
    assert pick.main(command) == 0 and "2 pictures" in capsys.readouterr().out
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(out) as part:
        assert part.namelist() == ["a.png", "e.png"]
        assert part.read("e.png") == whole.read("e.png")
    with pytest.raises(SystemExit):
        pick.main([*command[:-4], "Red", *command[-2:]])
    assert "NAME=P" in capsys.readouterr().err
