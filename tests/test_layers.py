"""Who may import whom, read from the source with ast; and that a capability is two files."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def imports(path: Path) -> set[str]:
    """Every module a file imports, anywhere in it, by its full name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return found


def touches(path: Path, *modules: str) -> set[str]:
    return {name for name in imports(path) for module in modules if name == module or name.startswith(module + ".")}


def sources(*folders: str) -> list[Path]:
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert files, folders
    return files


def test_the_rule_sees_what_it_forbids(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from torch import nn\n    import gradio.themes\n")
    assert touches(bad, "torch") == {"torch", "torch.nn"}
    assert touches(bad, "gradio") == {"gradio.themes"}


def test_gradio_stays_in_the_page() -> None:
    assert {str(path) for path in sources("engines") if touches(path, "gradio", "studio")} == set()


def test_torch_stays_in_the_engines() -> None:
    page = [*sources("studio"), ROOT / "app.py"]
    assert {str(path) for path in page if touches(path, "torch", "torchvision", "spandrel", "safetensors")} == set()


def test_core_knows_no_capability() -> None:
    allowed = ("engines.core", "engines.models")
    for path in sources("engines/core", "engines/models"):
        for name in touches(path, "engines"):
            assert name == "engines" or name.startswith(allowed), (path, name)


def test_models_are_tensors_in_tensors_out() -> None:
    for path in sources("engines/models"):
        assert not touches(path, "PIL", "pathlib", "engines.core"), path


def test_the_page_builds_on_capabilities_and_core_only() -> None:
    for path in [*sources("studio"), ROOT / "app.py"]:
        assert not touches(path, "engines.models", "engines.train"), path


def test_importing_engines_does_no_work() -> None:
    code = (
        "import sys, engines, engines.super_resolution; "
        "assert not {'gradio', 'spandrel', 'torchvision', 'huggingface_hub'} & set(sys.modules), 'imported too early'"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted(ROOT.glob("engines/**/*.py")) + sorted(ROOT.glob("studio/**/*.py")), ids=str)
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 330
