"""Serves trained generative models of MNIST digits over HTTP."""

import os

__version__ = "0.1.0"

# From 1.29 on, onnxruntime reports to its maker what it runs, unless told not to before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
