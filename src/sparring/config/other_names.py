"""Names of recipe keys in other trainers and in earlier states of this one, for messages alone.

An unknown key is refused. If the key belongs to TRL's or verl's configuration, or is a former name
of a recipe key, the message gives its present name. A guess by similar spelling would mislead:
TRL's ``beta`` is the KL coefficient, not one of AdamW's decay rates. Sources: TRL's ``GRPOConfig``
and verl's ``actor``, ``algorithm`` and ``rollout`` settings, as of August 2026; the changelog.
"""

from __future__ import annotations

_KEYS = """
learning.kl_coef: learning.kl learning.beta learning.kl_loss_coef
learning.clip_eps_low: learning.clip learning.epsilon learning.clip_ratio learning.clip_ratio_low
learning.clip_eps_high: learning.clip_high learning.epsilon_high learning.clip_ratio_high
learning.tis_cap: learning.importance_cap learning.tis_imp_ratio_cap
learning.loss_agg_mode: learning.average learning.loss_type
learning.importance_level: learning.ratio learning.importance_sampling_level
learning.skip_grad_norm: learning.refuse_norm
learning.max_grad_norm: learning.grad_clip
learning.ppo_epochs: learning.epochs learning.num_iterations
learning.num_minibatches: learning.minibatches learning.ppo_mini_batch_size
learning.learning_rate: learning.lr
learning.tokens_per_micro_batch: learning.ppo_max_token_len_per_gpu
training.max_async_level: training.ahead
training.steps: training.max_steps training.total_training_steps
training.checkpoint_every: training.save_steps training.save_freq
training.tasks_per_step: training.train_batch_size
evaluation.every: evaluation.eval_steps evaluation.test_freq training.eval_steps training.test_freq
sampling.programs: sampling.n sampling.num_generations
sampling.coder_temperature: sampling.temperature
sampling.coder_max_tokens: sampling.max_completion_length sampling.response_length
sampling.initial_policy_programs: sampling.opponents
sampling.extra_attempts: sampling.extra_rounds
sampling.max_batch_size: sampling.max_rows
reward.normalisation: reward.scale_rewards learning.scale_rewards
reward.validity_bonus: reward.validity
reward.no_wrong_reward: reward.no_wrong
reward.difficulty_exponent: reward.difficulty
tasks.hidden_tests: tasks.withheld_tests
evaluation.initial_temperatures: evaluation.start_temperatures
vllm.initial_urls: vllm.start_urls
vllm.memory: vllm.gpu_memory_utilization
vllm.tensor_parallel: vllm.tensor_parallel_size vllm.tensor_model_parallel_size
vllm.data_parallel: vllm.data_parallel_size
vllm.stall_seconds: vllm.request_seconds
monitors.hidden_gap: monitors.withheld_gap
monitors.checker_leniency: monitors.foreign_outputs
pseudo_labels.source: pseudo_labels.kind
[pseudo_labels]: supervision
"""

KEY_BY_OTHER_NAME = {
    other: key
    for key, others in (line.split(": ") for line in _KEYS.strip().splitlines())
    for other in others.split()
}
"""``section.key`` of a recipe by each of its other names; a section's new name in brackets."""
