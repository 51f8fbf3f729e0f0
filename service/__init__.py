"""Serves trained generative models of MNIST digits over HTTP."""
