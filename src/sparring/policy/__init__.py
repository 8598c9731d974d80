"""A model that is sampled and trained: loading, adapters; samplers `local`, `vllm`, `chat`."""
