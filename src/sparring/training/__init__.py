"""The parts of a training run; `sparring/train.py` puts them together."""
