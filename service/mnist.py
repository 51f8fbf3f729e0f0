"""MNIST's own numbers, for code that must not import the manifest's schema."""

SIDE = 28
"""Pixels along each side of an image."""
CLASSES = 10
"""The digits 0 to 9."""
