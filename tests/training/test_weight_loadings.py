"""How often weights are put together, written and loaded: as seldom as the players allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sparring.config.presets import Preset
from sparring.microworld import NANO_DIR
from sparring.training.state.trainer import Trainer
from tests.policy.fake_vllm import FakeVllm
from tests.training.test_every_preset import TINY, WEIGHTS, made

FROZEN = {"learning.frozen": "tester", "learning.mode": "separate"}
CASES = {
    # Before a step the weights of the step before, once; the initial ones before the first.
    "paper": (
        {"preset": Preset.PAPER},
        ["start-0", "both-1", "both-2"],
    ),
    # The initial policy is asked while the initial weights are loaded: before others, or after.
    "default": (
        {"preset": Preset.DEFAULT},
        ["start-0", "both-1", "both-2", "start-0"],
    ),
    "skip_unlabelled": (
        {"preset": Preset.DEFAULT, "sampling.skip_unlabelled": "true"},
        ["start-0", "both-1", "start-0", "both-2"],
    ),
    "frozen role": (
        {"preset": Preset.PAPER, **FROZEN},
        ["start-0", "both-1", "both-2", "start-0"],
    ),
    "lora": (
        {"preset": Preset.DEFAULT, **WEIGHTS["lora"]},
        ["start-0", "both-0", "both-1", "both-2"],
    ),
    "lora, merged": (
        {"preset": Preset.DEFAULT, **WEIGHTS["lora"]},
        ["start-0", "both-1", "both-2", "start-0"],
    ),
    "per role": (
        {"preset": Preset.DEFAULT, **WEIGHTS["per_role"]},
        ["start-0", "coder-0", "tester-0", "coder-1", "tester-1", "coder-2", "tester-2"],
    ),
}


FAST = ("paper", "default", "per role")


@pytest.mark.parametrize(
    "name",
    [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in CASES],
)
def test_three_steps_take_the_fewest_exchanges(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, loaded = CASES[name]
    written: Counter[str] = Counter()

    def counted(export: Callable[..., None]) -> Callable[..., None]:
        def writing(trainer: Trainer, player: str, path: Path, *more: object) -> None:
            written[path.name.removesuffix(".partial")] += 1
            export(trainer, player, path, *more)

        return writing

    def full_model(trainer: Trainer) -> None:
        raise AssertionError("a full copy of the weights is asked for")

    monkeypatch.setattr(Trainer, "export", counted(Trainer.export))
    monkeypatch.setattr(Trainer, "export_adapter", counted(Trainer.export_adapter))
    monkeypatch.setattr(Trainer, "full_model", full_model)
    if "merged" in name:  # as where vLLM cannot serve the adapter
        reason = "its rank 4 is beyond 3"
        monkeypatch.setattr("sparring.training.weights.weight_export.why_merged", lambda *_: reason)
    with FakeVllm(NANO_DIR) as fake:
        fake.lora_rank = 8
        servers = {
            "sampling.engine": "vllm",
            "vllm.urls": f'["{fake.url}"]',
            "vllm.weights_dir": str(tmp_path),
        }
        made({**TINY, **changes, **servers}, tmp_path / "run", steps=3)
        found = [Path(p).name for p in fake.loads]
    assert found == loaded
    assert written == Counter(set(loaded))  # each is put together once, however often it is loaded
