"""The estimate of memory: by hand, against what a process really takes, and what it refuses."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig

from sparring.cli.main import main
from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.errors import RunError
from sparring.microworld import NANO_DIR
from sparring.policy import place
from sparring.policy.shape import PACKED_FROM, ModelShape, read_shape, shape_of
from sparring.training.planning import fits
from sparring.training.planning.conditions import GIB, Conditions
from sparring.training.planning.estimate import MemoryEstimate, estimate
from sparring.training.planning.main_memory import main_memory
from tests.forks import Forked
from tests.training.runs import SMALL
from tests.training.test_recipes_fit import RECIPES
from tests.training.test_recipes_fit import shape as qwen

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import memory

HAND = ModelShape(
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
    "sampling.initial_policy_programs=2",
    "sampling.coder_max_tokens=120",
    "sampling.tester_max_tokens=120",
    "sampling.max_batch_size=64",
    "learning.tokens_per_micro_batch=1088",
    "learning.ppo_epochs=1",
    "evaluation.programs=8",
    "evaluation.tests=8",
)


def found(
    *changes: str, shape: ModelShape = HAND, given: Conditions | None = None
) -> MemoryEstimate:
    return estimate(load_recipe(None, [*SIZES, *changes]), shape, given)


def held(e: MemoryEstimate) -> float:
    """Beside the process itself."""
    return e.least - e.held["the process itself"]


def main_of(*changes: str, given: Conditions) -> MemoryEstimate:
    recipe = load_recipe(None, [*SIZES, *changes])
    return main_memory(recipe, HAND, given, estimate(recipe, HAND, given))


GPU = Conditions(1, 1, gpu=True, device=24 * GIB)
HALF = "model.precision=bfloat16"


def test_what_is_held_is_four_copies_and_the_start_weights() -> None:
    # 2 × 64² + 2 × 64 × 32 for attention, 3 × 64 × 160 for the MLP, two norms
    layer = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 160 + 128
    whole = 3 * layer + 64 + 1000 * 64
    assert HAND.parameters == whole
    assert held(found()) == 5 * 4 * whole
    without = ["learning.kl_coef=0", "sampling.initial_policy_programs=0"]
    assert held(found(*without)) == 4 * 4 * whole
    assert held(found(*without, "learning.frozen=coder")) == 5 * 4 * whole
    assert (
        held(found("learning.reference=step", "sampling.initial_policy_programs=0"))
        == 4 * 4 * whole
    )


def test_in_bfloat16_what_learns_has_float32_masters_and_copies_are_halved() -> None:
    whole = HAND.parameters
    # masters, gradients and two moments in float32; the model and the initial weights in bfloat16
    assert held(found(HALF)) == (4 * 4 + 2 * 2) * whole
    sharded = ("training.sharding=fsdp", HALF)
    # parts are their own masters
    assert held(found(*sharded, given=Conditions(2, 2))) == (4 * 4 + 2) * whole / 2


def test_an_adapter_holds_weights_and_its_own_copies_only() -> None:
    e = found("model.lora_rank=4")
    adapter = 4 * 3 * (64 + 64 + 2 * (64 + 32) + 64 + 64 + 3 * (64 + 160))
    assert held(e) == 4 * (HAND.parameters + 4 * adapter)
    both = found("model.lora_rank=4", "model.adapters=per_role")
    assert held(both) == 4 * (HAND.parameters + 8 * adapter)
    # the base and the adapter that computes in bfloat16, the adapter's masters in float32
    assert held(found("model.lora_rank=4", HALF)) == 2 * HAND.parameters + (2 + 4 * 4) * adapter


def test_shards_are_parts_of_everything_and_copies_are_not() -> None:
    for sharding, parts in (("fsdp", 4), ("ddp", 1), ("none", 1)):
        e = found(f"training.sharding={sharding}", given=Conditions(4, 4))
        assert held(e) == held(found()) / parts


def test_an_offloaded_reference_is_in_main_memory() -> None:
    away = found("model.offload_reference=true", given=GPU)
    assert held(found(given=GPU)) - held(away) == 4 * HAND.parameters
    lying = main_of("model.offload_reference=true", given=GPU)
    assert lying.held["reference"] == 4 * HAND.parameters


def test_a_server_that_shares_the_gpu_is_awake_while_it_samples() -> None:
    e = found("sampling.engine=vllm", "vllm.share_gpu=true", "vllm.memory=0.5", given=GPU)
    asleep = e.held["vLLM, on the same device"]
    assert asleep < 2 * GIB
    assert asleep + e.phases["sampling"]["vLLM, awake"] == 12 * GIB
    e = found("sampling.engine=vllm", "vllm.memory=0.5", given=GPU)
    assert e.held["vLLM, on the same device"] == 12 * GIB
    apart = 'vllm.variables={CUDA_VISIBLE_DEVICES = "1"}'
    assert "vLLM, on the same device" not in found("sampling.engine=vllm", apart, given=GPU).held


def test_a_phase_is_as_large_as_the_recipe_lets_it_be() -> None:
    def all_of(*changes: str, given: Conditions | None = None) -> float:
        return sum(found(*changes, given=given).phases["learning"].values())

    # one group's prompt of 128 and 8 responses of 120: of each position in a layer two norms'
    # input, output and what is between; queries, the attention's output, four sides of the MLP;
    # and keys and values of a prompt for each of its responses
    row = 6 * 64 + 2 * 64 + 4 * 160
    kept = 3 * 4 * (row * 1088 + 2 * 64 * (128 + 8 * 248))
    assert found().phases["learning"]["activations, of 1,088 positions"] == kept
    sampling = found().phases["sampling"]
    assert sampling["keys and values of 64 rows × 248 positions"] == (2 * 3 + 1) * 32 * 4 * 64 * 248
    assert all_of("learning.tokens_per_micro_batch=544") < all_of()
    assert all_of("model.gradient_checkpointing=true") < all_of()
    assert all_of("learning.logprob_chunk=64") < all_of()
    assert all_of(HALF) < all_of()
    assert "sampling" not in found("sampling.engine=vllm", given=GPU).phases


def test_packed_weights_are_a_second_copy_of_large_models_and_of_bfloat16() -> None:
    def packed(*changes: str, shape: ModelShape = HAND, given: Conditions | None = None) -> float:
        sampling = found(*changes, shape=shape, given=given).phases["sampling"]
        return sampling.get("weights as products read them", 0.0)

    products = 3 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 160) + 1000 * 64
    assert packed() == 0
    assert packed(HALF) == 2 * products
    assert packed(HALF, given=GPU) == 0
    large = replace(HAND, vocabulary=PACKED_FROM // 64)
    assert large.parameters >= PACKED_FROM
    assert packed(shape=large) == 4 * (products + (large.vocabulary - 1000) * 64)


def test_rows_are_no_more_than_are_asked_for_at_once() -> None:
    def rows(*changes: str) -> str:
        [kept] = [k for k in found(*changes).phases["sampling"] if k.startswith("keys")]
        return kept.split()[4]

    few = ("training.tasks_per_step=2", "tasks.held_out_count=3")
    assert rows(*few) == "24"  # three tasks held out, eight responses each
    assert rows(*few, "sampling.max_batch_size=20") == "16"  # whole groups
    assert rows(*few, "sampling.max_batch_size=5") == "8"  # but one at least


def test_a_frozen_tester_is_held_as_well() -> None:
    recipe = load_recipe(None, SIZES)
    beside = estimate(recipe, HAND, frozen_tester=HAND)
    assert held(beside) - held(found()) == 4 * HAND.parameters


def test_a_sequence_is_no_longer_than_the_model_takes() -> None:
    short = shape_of({**LlamaConfig().to_dict(), "max_position_embeddings": 200}, "there")
    assert "keys and values of 64 rows × 200 positions" in found(shape=short).phases["sampling"]


def test_main_memory_holds_what_gpus_do_not() -> None:
    node = Conditions(6, 6, gpu=True, device=80 * GIB)
    whole = HAND.parameters
    e = main_of("training.sharding=fsdp", "sampling.engine=vllm", HALF, given=node)
    assert sum(e.phases["loading"].values()) == 4 * whole  # the first process deals them out
    ddp = main_of("training.sharding=ddp", "sampling.engine=vllm", HALF, given=node)
    assert sum(ddp.phases["loading"].values()) == 6 * 4 * whole
    # two files of six processes, which are no larger than the model, and the moments on the first
    assert sum(e.phases["writing a checkpoint"].values()) == 2 * 4 * whole + 2 * 4 * whole
    # newest, those before and the initial ones, in bfloat16; tied embeddings travel twice
    on_their_way = e.held["weights on their way to servers (vllm.weights_dir)"]
    assert on_their_way == 3 * 2 * (whole + 1000 * 64)
    elsewhere = main_of("sampling.engine=vllm", "vllm.weights_dir=/scratch", given=node)
    assert "weights on their way to servers (vllm.weights_dir)" not in elsewhere.held
    asleep = main_of("sampling.engine=vllm", "vllm.share_gpu=true", HALF, given=GPU)
    assert asleep.held["weights of the sleeping server"] == 2 * whole
    tasks = load_recipe(None, SIZES).training.tasks_per_step
    assert e.held["responses of a step, at most"] == 7 * 80 * tasks * (8 + 2 + 8) * 120


def test_on_cpus_ranks_share_the_main_memory() -> None:
    pair = Conditions(2, 2)
    device = found("training.sharding=fsdp", given=pair)
    e = main_of("training.sharding=fsdp", given=pair)
    assert e.held["the ranks, as above, all the time"] == 2 * device.least
    assert e.most >= 2 * device.most


@pytest.mark.parametrize(
    "case",
    [
        memory.Case("nano", 0, "float32", 1),
        memory.Case("nano", 16, "bfloat16", 1),
        memory.Case("nano", 0, "bfloat16", 2),
    ],
    ids=lambda case: case.text,
)
def test_processes_take_what_was_estimated(case: memory.Case, tmp_path: Path) -> None:
    command = ["benchmarks.memory", "--model", case.model, "--only", f"{case.text}."]
    process = Forked([*command, "--json", str(tmp_path / "rows.jsonl")])
    _, said = process.communicate()
    assert process.returncode == 0, said
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {row["phase"] for row in rows} >= {"learning"}
    assert all(0.85 < row["ratio"] < 1.15 for row in rows), rows


@pytest.mark.slow
@pytest.mark.parametrize("case", [*memory.cases(["smollm2", "qwen2.5-0.5b"])], ids=lambda c: c.text)
def test_processes_of_real_shapes_take_what_was_estimated(
    case: memory.Case, tmp_path: Path
) -> None:
    test_processes_take_what_was_estimated(case, tmp_path)


def test_what_cannot_fit_is_refused_and_what_may_not_fit_is_said() -> None:
    recipe = load_recipe(None, [*SIZES, "model.path=there"])
    e = found()

    def device(size: float) -> Conditions:
        return Conditions(device=size, name="here")

    assert fits.check_fits(recipe, e, device(e.most)) is None
    told = fits.check_fits(recipe, e, device(e.most - 1))
    assert told is not None
    assert "learning.tokens_per_micro_batch" in told
    with pytest.raises(RunError, match=r"there does not fit.*here has") as refused:
        fits.check_fits(recipe, e, device(e.least - 1))
    assert "\n" not in str(refused.value)
    of_main = main_of("sampling.engine=vllm", given=GPU)
    assert fits.check_main(of_main, of_main.most, "here") is None
    told = fits.check_main(of_main, of_main.most - 1, "here")
    assert told is not None
    assert "main memory" in told
    with pytest.raises(RunError, match=r"main memory: at least .* are needed, here has"):
        fits.check_main(of_main, of_main.least - 1, "here")
    assert "fewer ranks" not in told
    of_two = fits.check_main(of_main, of_main.most - 1, "here", here=2)
    assert of_two is not None
    assert of_two.endswith("start fewer ranks on a machine")


def test_a_small_model_is_written_in_less_than_two_full_files() -> None:
    """The embedded model has 4 MB: a laptop is not warned of GiB that it never takes. A large one
    has two files of a GiB, or of its embeddings, for each process."""
    recipe = load_recipe(NANO_RECIPE)
    shape = read_shape(NANO_DIR / "config.json")
    for given in (Conditions(), Conditions(6, 6)):
        device = estimate(recipe, shape, given)
        phases = main_memory(recipe, shape, given, device).phases
        assert sum(phases["writing a checkpoint"].values()) < 40e6
    recipe, large = load_recipe(RECIPES / "qwen2.5-7b.toml"), qwen("Qwen/Qwen2.5-7B-Instruct")
    node = Conditions(6, 6, gpu=True, device=80 * GIB)
    phases = main_memory(recipe, large, node, estimate(recipe, large, node)).phases
    moments, file = 2 * 4 * large.parameters, 4 * 152064 * 3584
    assert sum(phases["writing a checkpoint"].values()) == 6 * 2 * file + moments


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
    assert "warning" not in told("--memory", "64", "--main-memory", "64")
    assert "warning: main memory: at least" in told("--memory", "64", "--main-memory", "1")
    monkeypatch.setattr(fits, "machine_memory", lambda: 1e8)
    assert "this machine has 0.1 GiB" in told()
    assert "warning" not in told("--memory", "64")


def test_a_model_that_is_not_here_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: Any, **__: Any) -> Any:
        raise OSError("no network")

    monkeypatch.setattr(place, "getproxies", dict)
    monkeypatch.setattr(place.socket, "getaddrinfo", unreachable)
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
