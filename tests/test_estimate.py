"""The estimate of memory: by hand, against what a process really takes, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig

from sparring.cli.main import main
from sparring.config import load_recipe
from sparring.errors import RunError
from sparring.learning.settings import Sharding
from sparring.learning.shape import Shape, read_shape, shape_of
from sparring.planning import fits
from sparring.planning.estimate import Conditions, Estimate, estimate
from tests.loops.runs import SMALL

MIB = 1 << 20
HAND = Shape(
    family="llama",
    vocabulary=1000,
    hidden=64,
    inner=160,
    layers=3,
    query=64,
    key=32,
    head=16,
    tied=True,
    attention_bias=False,
    mlp_bias=False,
    positions=None,
)
SIZES = (
    "prompts.max_tokens=128",
    "sampling.programs=8",
    "sampling.tests=8",
    "sampling.opponents=2",
    "sampling.coder_max_tokens=120",
    "sampling.tester_max_tokens=120",
    "sampling.max_rows=64",
    "learning.tokens_per_micro_batch=1088",
    "learning.epochs=1",
    "evaluation.programs=8",
    "evaluation.tests=8",
)


def found(*changes: str, shape: Shape = HAND, given: Conditions | None = None) -> Estimate:
    return estimate(load_recipe(None, [*SIZES, *changes]), shape, given)


def held(e: Estimate) -> float:
    """Beside the process itself."""
    return e.least - e.held["the process itself"]


def test_what_is_held_is_four_copies_and_the_start_weights() -> None:
    # 2 × 64² + 2 × 64 × 32 for attention, 3 × 64 × 160 for the MLP, two norms
    layer = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 160 + 128
    whole = 3 * layer + 64 + 1000 * 64
    assert found().parameters == whole
    assert held(found()) == 5 * 4 * whole
    without = ["learning.kl=0", "sampling.opponents=0"]
    assert held(found(*without)) == 4 * 4 * whole
    assert held(found(*without, "learning.frozen=coder")) == 5 * 4 * whole
    assert held(found("learning.reference=step", "sampling.opponents=0")) == 4 * 4 * whole


def test_an_adapter_holds_weights_and_its_own_copies_only() -> None:
    e = found("model.lora_rank=4")
    adapter = 4 * 3 * (64 + 64 + 2 * (64 + 32) + 64 + 64 + 3 * (64 + 160))
    assert e.learning == adapter
    assert held(e) == 4 * (HAND.parameters + 4 * adapter)
    assert found("model.lora_rank=4", "model.adapters=per_role").learning == 2 * adapter


def test_shards_are_parts_of_everything_and_copies_are_not() -> None:
    for sharding, parts in ((Sharding.FSDP, 4), (Sharding.DDP, 1), (Sharding.NONE, 1)):
        assert held(found(given=Conditions(4, sharding))) == held(found()) / parts


def test_an_offloaded_reference_is_not_on_the_device() -> None:
    away = found(given=Conditions(offload_reference=True))
    assert held(found()) - held(away) == 4 * HAND.parameters


def test_a_phase_is_as_large_as_the_recipe_lets_it_be() -> None:
    learning = found().phases["learning"]
    assert learning["activations of 1,088 positions"] == 3 * 4 * (6 * 64 + 5 * 64 + 640) * 1088
    assert learning["distributions of 1,088 response positions"] == 6 * 4 * 1000 * 1088
    sampling = found().phases["sampling"]
    assert sampling["keys and values of 64 rows × 248 positions"] == 2 * 3 * 32 * 4 * 64 * 248

    def all_of(*changes: str, given: Conditions | None = None) -> float:
        return sum(found(*changes, given=given).phases["learning"].values())

    assert all_of("learning.tokens_per_micro_batch=544") < all_of()
    assert all_of("model.gradient_checkpointing=true") < all_of()
    assert all_of(given=Conditions(logprob_chunk=64)) < all_of()
    assert "sampling" not in found(given=Conditions(samples_here=False)).phases


def test_rows_are_no_more_than_are_asked_for_at_once() -> None:
    def rows(*changes: str) -> str:
        [kept] = [k for k in found(*changes).phases["sampling"] if k.startswith("keys")]
        return kept.split()[4]

    few = ("training.tasks_per_step=2", "tasks.held_out_count=3")
    assert rows(*few) == "24"  # three tasks held out, eight responses each
    assert rows(*few, "sampling.max_rows=20") == "16"  # whole groups
    assert rows(*few, "sampling.max_rows=5") == "8"  # but one at least


def test_a_frozen_tester_is_held_as_well() -> None:
    recipe = load_recipe(None, SIZES)
    beside = estimate(recipe, HAND, supervisor=HAND)
    assert held(beside) - held(found()) == 4 * HAND.parameters


def test_a_sequence_is_no_longer_than_the_model_takes() -> None:
    short = shape_of({**LlamaConfig().to_dict(), "max_position_embeddings": 200}, "there")
    assert "keys and values of 64 rows × 200 positions" in found(shape=short).phases["sampling"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        (),
        ("model.gradient_checkpointing=true",),
        ("model.lora_rank=8",),
        ("model.precision=bfloat16",),
    ],
)
def test_a_process_takes_about_what_was_estimated(changes: tuple[str, ...], tmp_path: Path) -> None:
    LlamaConfig(
        vocab_size=8000,
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        eos_token_id=1,
        bos_token_id=None,
        pad_token_id=0,
    ).save_pretrained(tmp_path)
    told = json.dumps({"set": [*SIZES, *changes]})
    root = Path(__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-m", "tests.peak", str(tmp_path), told],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        # what is freed goes back at once, and the peak is what is in use
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"},
    )
    taken = json.loads(result.stdout.splitlines()[-1])
    e = found(*changes, shape=read_shape(tmp_path / "config.json"))
    learning = held(e) + max(sum(e.phases[p].values()) for p in ("learning", "stepping"))
    sampling = 4 * e.parameters + sum(e.phases["sampling"].values())
    print({k: v // MIB for k, v in taken.items()}, learning / MIB, sampling / MIB)
    assert 0.7 < taken["learning"] / learning < 1.3
    assert 0.7 < taken["sampling"] / sampling < 1.3


def test_what_cannot_fit_is_refused_and_what_may_not_fit_is_said() -> None:
    recipe = load_recipe(None, [*SIZES, "model.path=there"])
    e = found()
    assert fits.check_fits(recipe, e, e.most, "here") is None
    told = fits.check_fits(recipe, e, e.most - 1, "here")
    assert told is not None
    assert "learning.tokens_per_micro_batch" in told
    with pytest.raises(RunError, match=r"there does not fit.*here has") as refused:
        fits.check_fits(recipe, e, e.least - 1, "here")
    assert "\n" not in str(refused.value)


def test_a_recipe_larger_than_the_machine_is_one_line_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fits, "device_memory", lambda: (1e6, "this machine", True))
    sets = [x for k, v in SMALL.items() for x in ("--set", f"{k}={v}")]
    command = ["sparring", "train", "--run-dir", str(tmp_path / "run"), *sets]
    for more in ([], ["--dry-run"]):
        monkeypatch.setattr(sys, "argv", [*command, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        [line] = capsys.readouterr().err.strip().split("\n")
        assert "nano does not fit" in line
        assert not list(tmp_path.glob("run/*"))


def test_the_command_says_what_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*options: str) -> str:
        monkeypatch.setattr(sys, "argv", ["sparring", "config", *options])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out

    assert "warning" not in told("--memory", "64")
    assert "warning: nano does not fit" in told("--memory", "0.1")
    assert "warning: may not fit" in told("--memory", "0.8")


def test_a_model_that_is_not_here_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: Any, **__: Any) -> Any:
        raise OSError("no network")

    monkeypatch.setattr(fits, "getproxies", dict)
    monkeypatch.setattr(fits.socket, "getaddrinfo", unreachable)
    (tmp_path / "config.json").write_text('{"model_type": "mamba"}')
    for name in ("nobody/nothing", str(tmp_path), str(tmp_path / "none"), "x" * 300):
        [line] = fits.memory_lines(load_recipe(None, [f"model.path={name}"]))
        assert line.startswith("no estimate of memory: ")
        assert "\n" not in line
        assert fits.refuse_too_large(load_recipe(None, [f"model.path={name}"])) is None


def test_a_cached_model_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    file = tmp_path / "config.json"
    file.write_text(json.dumps(LlamaConfig().to_dict()))
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: str(file))
    lines = fits.memory_lines(load_recipe(None, ["model.path=some/model"]), memory_gib=1.0)
    assert lines[0].startswith("6,738,415,616 parameters")
    assert lines[-1].startswith("warning: some/model does not fit")
