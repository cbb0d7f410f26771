"""Frames to one frozen feature per second."""
