"""Integrations: Sparring's rewards in the trainers of other projects."""
