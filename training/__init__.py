"""Trains the generative models of the literature on MNIST and exports them as bundles."""

# First of all: importing `service` turns onnxruntime's telemetry off.
from service import __version__ as __version__
