"""Settings with which a recipe's networks are small, of the same layers: steps, samples and exports take less
time."""

from typing import Any

_SMALLER: dict[str, dict[str, Any]] = {
    "autoencoder": {"flow": 2},
    "cgan": {"channels": 4, "conv_judge": 4},
    "dcgan": {"generator_channels": 4, "discriminator_channels": 4},
    "ebm": {"climb": 3, "buffer": 128},
    "sgan": {"labels": 20, "labelled_batch": 16, "channels": 4},
    "vae": {"flow": 2},
    "vae_2d": {"flow": 2},
    "wgan": {"generator_channels": 4, "generator_batch": 32, "critic_channels": 4, "n_critic": 2},
    "wgan_gp": {"generator_channels": 4, "generator_batch": 32, "critic_channels": 4},
}


def smaller(name: str) -> dict[str, Any]:
    """Return settings of the recipe `name`; none for a recipe that is quick as it is."""
    return _SMALLER.get(name, {})
