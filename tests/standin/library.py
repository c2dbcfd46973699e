"""Libraries that change what a process finds in its machine, built when a test needs one."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def library(source: str, directory: Path) -> Path:
    """Return a library for LD_PRELOAD; skip the test where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip(f"needs a C compiler for {source}")
    built = directory / Path(source).with_suffix(".so")
    words = [compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", built, HERE / source, "-ldl"]
    subprocess.run([str(word) for word in words], check=True)
    return built
