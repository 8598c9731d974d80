"""Free memory of GPUs, as `nvidia-smi` says it, before a server takes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.errors import RunError
from sparring.policy.vllm import gpu
from sparring.policy.vllm.gpu import GpuMemory, visible_gpus
from sparring.policy.vllm.sampler import VllmSampler
from sparring.policy.vllm.settings import ServerSettings
from tests.nano import nano
from tests.policy.fake_vllm import fake_environment
from tests.policy.test_vllm import settings, weights, words

__all__ = ["settings"]  # the fixture


class Smi:
    """A program in the place of `nvidia-smi`, with lines of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.lines = place / "lines"
        program = place / "nvidia-smi"
        program.write_text(f'#!/bin/sh\necho "$@" > "{place}/asked"\ncat "{self.lines}"\n')
        program.chmod(0o755)

    def says(self, *gpus: tuple[int, int, int]) -> None:
        """Index, free and total MiB of each, in the form of driver 550."""
        self.lines.write_text("".join(f"{i}, {free}, {total}\n" for i, free, total in gpus))

    @property
    def asked(self) -> str:
        return (self.place / "asked").read_text()


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Smi:
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
    monkeypatch.setattr(gpu, "_SETTLING", 0.0)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return Smi(place)


def test_a_server_without_room_is_not_started(
    smi: Smi, settings: ServerSettings, tmp_path: Path
) -> None:
    fake_environment(Path(settings.environment))
    sampler = VllmSampler(settings.changed(memory=0.5), words(), tmp_path / "vllm.log")
    sampler.use(weights(nano()[0], 0))
    smi.says((0, 8192, 24576))
    with pytest.raises(RunError, match=r"^GPU 0: 8.0 of 24.0 GiB are free and 12.0 are nee.*0.5"):
        sampler.ready()
    assert not (tmp_path / "vllm.log").exists()
    smi.says((0, 13000, 24576))
    sampler.ready()
    sampler.close()


def test_a_sleeping_server_is_woken_only_where_what_it_gave_back_is_free(
    smi: Smi, settings: ServerSettings
) -> None:
    memory = GpuMemory(settings.changed(memory=0.5))
    smi.says((0, 9216, 24576))
    memory.sleep(lambda: smi.says((0, 19456, 24576)))
    smi.says((0, 7168, 24576))
    with pytest.raises(RunError, match=r"7.0 of 24.0 GiB are free and 10.0 are .*fell asleep"):
        memory.check_waking()
    smi.says((0, 12288, 24576))
    memory.check_waking()


def test_the_gpus_are_those_that_the_server_sees(
    smi: Smi, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    smi.says((4, 1, 81920), (6, 81000, 81920))
    given = settings.changed(tensor_parallel=2, variables={"CUDA_VISIBLE_DEVICES": "4,6"})
    with pytest.raises(RunError, match=r"^GPU 4"):
        GpuMemory(given).check_start()
    assert "--id=4,6" in smi.asked
    smi.says((0, 81000, 81920), (1, 81000, 81920), (2, 1, 81920))
    GpuMemory(given.changed(variables={})).check_start()
    assert "--id" not in smi.asked
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}, 1) == []


@pytest.mark.parametrize("said", ["0, [N/A], [N/A]\n", "No devices were found\n", ""])
def test_where_there_are_no_figures_nothing_is_checked(
    smi: Smi, settings: ServerSettings, said: str
) -> None:
    smi.lines.write_text(said)
    GpuMemory(settings).check_start()
    (smi.place / "nvidia-smi").unlink()
    GpuMemory(settings).check_start()
