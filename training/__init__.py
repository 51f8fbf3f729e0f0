"""Trains the generative models of the literature on MNIST and exports them as bundles."""
