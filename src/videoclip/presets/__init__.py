"""Configurations of pre-training by name."""
