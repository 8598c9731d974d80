"""Sparring's rewards inside other people's trainers."""
