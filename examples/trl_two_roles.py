"""TRL's GRPOTrainer trains both roles of the embedded model: python examples/trl_two_roles.py

It needs the extra `trl`, and takes about 20 seconds on two cores. A test runs this file.
docs/trainers.md explains the settings.
"""

import sys
import tempfile

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from sparring import Recipe, load_tasks
from sparring.integrations.trl_pair import BothRoles
from sparring.microworld import NANO_DIR

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 10
tasks = load_tasks("microworld:train", count=4 * steps)
# One word tells the embedded model its role; other models need messages like the default ones.
recipe = Recipe.model_validate(
    {"prompts": {"coder": "Program: {statement}", "tester": "Test: {statement}"}}
)

with BothRoles(tasks, recipe) as reward, tempfile.TemporaryDirectory() as directory:
    trainer = GRPOTrainer(
        AutoModelForCausalLM.from_pretrained(NANO_DIR),
        processing_class=AutoTokenizer.from_pretrained(NANO_DIR),
        reward_funcs=reward,
        train_dataset=Dataset.from_list(reward.rows()),
        args=GRPOConfig(
            output_dir=directory,
            max_steps=steps,
            # A step: 4 tasks × 2 roles × 8 completions. The dataset has both prompts of a task side
            # by side, and must not be shuffled.
            num_generations=8,
            per_device_train_batch_size=64,
            shuffle_dataset=False,
            # The values of `reward` are advantages already.
            scale_rewards="none",
            beta=0.01,
            learning_rate=3e-4,
            lr_scheduler_type="constant",
            max_completion_length=72,
            temperature=1.0,
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            seed=0,
        ),
    )
    trainer.train()
for line in trainer.state.log_history:
    if "coder/reward" in line:
        shown = {name: round(line[f"{name}/reward"], 2) for name in ("coder", "tester")}
        print(f"step {line['step']}: mean reward {shown}")
