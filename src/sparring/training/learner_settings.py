"""A recipe's sections in the forms that the learner takes them in."""

from __future__ import annotations

from sparring.config.recipe import Recipe
from sparring.learner.settings import LearningSettings, LossSettings
from sparring.policy.settings import Engine


def learning_settings(recipe: Recipe) -> LearningSettings:
    """The recipe's [learning] as the learner takes it."""
    s = recipe.learning
    return LearningSettings(
        mode=s.mode,
        minibatches=s.minibatches,
        epochs=s.epochs,
        old_logprobs=recipe.old_logprobs,
        optimizer_state=s.optimizer_state,
        master_weights=s.master_weights,
        learning_rate=s.learning_rate,
        beta1=s.beta1,
        beta2=s.beta2,
        weight_decay=s.weight_decay,
        max_grad_norm=s.max_grad_norm,
        refuse_norm=s.refuse_norm,
        tokens_per_micro_batch=s.tokens_per_micro_batch,
        coder_weight=s.coder_weight,
        tester_weight=s.tester_weight,
        loss=LossSettings(
            objective=s.objective,
            ratio=s.ratio,
            average=s.average,
            clip=s.clip,
            clip_high=s.clip_high,
            kl=s.kl,
            kl_estimator=s.kl_estimator,
            kl_bound=s.kl_bound,
            kl_place=s.kl_place,
            reference=s.reference,
            importance_cap=s.importance_cap,
        ),
        precision=recipe.model.precision,
        backend=s.backend,
        logprob_chunk=s.logprob_chunk,
        offload_reference=recipe.model.offload_reference,
        shares_device=recipe.sampling.engine is Engine.VLLM and recipe.vllm.share_gpu,
        sharding=recipe.training.sharding,
    )
