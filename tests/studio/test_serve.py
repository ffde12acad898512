"""How the page is served: private files, the sweep, the launch options."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from studio.serve import launch_options, login, private_folder, sweep


def put(path: Path, size: int, age: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_old_files_go_and_young_ones_stay(tmp_path: Path) -> None:
    old = put(tmp_path / "a" / "old.png", 10, 7200)
    young = put(tmp_path / "b" / "young.png", 10, 60)
    then = time.time() - 7200
    os.utime(old.parent, (then, then))
    assert sweep(tmp_path, keep_seconds=3600, keep_bytes=1000) == 1
    assert not old.exists() and young.exists()


def test_over_the_limit_the_oldest_go_first(tmp_path: Path) -> None:
    files = [put(tmp_path / f"{n}" / "x.png", 100, 1000 + 100 * n) for n in range(5)]  # 4 is the oldest
    assert sweep(tmp_path, keep_seconds=9999, keep_bytes=250) == 3
    assert [file.exists() for file in files] == [True, True, False, False, False]


def test_what_is_in_use_stays_however_full_it_is(tmp_path: Path) -> None:
    fresh = put(tmp_path / "a" / "x.png", 1000, 5)
    assert sweep(tmp_path, keep_seconds=9999, keep_bytes=10) == 0
    assert fresh.exists()


def test_empty_folders_go_with_their_files(tmp_path: Path) -> None:
    old = put(tmp_path / "a" / "x.png", 10, 9000)
    sweep(tmp_path, keep_seconds=3600)
    then = time.time() - 9000
    os.utime(old.parent, (then, then))
    sweep(tmp_path, keep_seconds=3600)
    assert not old.parent.exists() and tmp_path.exists()


def test_the_folder_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    monkeypatch.setattr("atexit.register", lambda *_, **__: None)
    folder = private_folder()
    assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.rmdir()


def test_a_given_folder_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    assert private_folder() == (tmp_path / "files").resolve()
    assert (tmp_path / "files").is_dir()


def test_the_page_is_launched_closed() -> None:
    options = launch_options("127.0.0.1", 7860, max_upload_mb=25)
    expected = {
        "server_name": "127.0.0.1",
        "share": False,
        "auth": None,
        "max_file_size": "25mb",
        "mcp_server": True,
        "show_error": False,
        "run_history": False,
        "ssr_mode": False,
        "enable_monitoring": False,
    }
    assert {key: options[key] for key in expected} == expected
    assert "allowed_paths" not in options
    assert "http" not in options["css"] and "@import" not in options["css"]


def test_behind_a_login_there_is_no_mcp_because_gradio_would_leave_it_open() -> None:
    assert launch_options("0.0.0.0", 7860, auth=("anna", "secret"), mcp=True)["mcp_server"] is False


@pytest.mark.parametrize(("text", "pair"), [(None, None), ("", None), ("anna:a:b", ("anna", "a:b"))])
def test_a_login_is_a_name_and_a_password(text: str | None, pair: tuple[str, str] | None) -> None:
    assert login(text) == pair


@pytest.mark.parametrize("text", ["anna", "anna:", ":secret"])
def test_half_a_login_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(SystemExit, match="user:password"):
        login(text)
