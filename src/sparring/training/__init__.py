"""The parts of a training run; `sparring/training/loop.py` puts them together."""
