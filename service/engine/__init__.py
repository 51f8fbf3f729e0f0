"""Latents, batches, sessions and the registry of models: everything between a request and its pixels."""
