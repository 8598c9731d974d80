"""vLLM's environment: made apart from ours, and tried."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sparring.errors import RunError
from sparring.policy.vllm import environment
from sparring.policy.vllm.environment import VllmBuild, set_up
from tests.policy.fake_vllm import fake_environment
from tests.training.runs import sparring_here


def test_nothing_is_installed_beside_us_or_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").touch()
    with pytest.raises(RunError, match="is no environment; name another --dir"):
        next(set_up(tmp_path, VllmBuild.CPU))
    with pytest.raises(RunError, match="is Sparring's own environment"):
        next(set_up(Path(sys.prefix), VllmBuild.CPU))


@pytest.mark.parametrize("kind", list(VllmBuild))
def test_every_package_goes_to_the_new_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: VllmBuild
) -> None:
    place = tmp_path / "new"
    ran: list[list[str]] = []

    def run(command: list[str], what: str) -> str:
        ran.append(command)
        if command[1:3] == ["-m", "venv"]:
            fake_environment(place)
        elif "install" in command and "--extra-index-url" not in command and kind is VllmBuild.CPU:
            raise RunError("no such build of torch")
        return "version 0.32.0\n"

    monkeypatch.setattr(environment, "_run", run)
    monkeypatch.setattr(environment, "_GIB", dict.fromkeys(VllmBuild, 0))
    said = list(set_up(place, kind))
    assert said[-1] == f"vLLM 0.32.0 is ready: {place}"
    assert {c[0] for c in ran[1:]} == {str(place / "bin" / "python")}
    assert any("0.32.0" in argument for argument in ran[1])
    assert any("uninstall" in c for c in ran) == (kind is VllmBuild.CPU)


def test_no_space_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_GIB", dict.fromkeys(VllmBuild, 10**9))
    with pytest.raises(RunError, match=r"GiB are needed, .* are free"):
        next(set_up(tmp_path / "new", VllmBuild.CUDA))


def test_the_check_serves_exchanges_and_compares(tmp_path: Path) -> None:
    place = fake_environment(tmp_path / "environment")
    done = sparring_here("vllm", "check", "--dir", str(place))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("vLLM works here\n")
    missing = sparring_here("vllm", "check", "--dir", str(tmp_path / "none"))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "sparring vllm setup" in missing.stderr
    assert sparring_here("vllm", "setup", "--cpu", "--cuda").returncode == 2
