"""What each figure is called, how it is written, and what it says: the legend of the leaderboard."""

from typing import NamedTuple


class Entry(NamedTuple):
    title: str
    style: str
    """How Python formats a value."""
    meaning: str


CATALOGUE = {
    "frechet_distance": Entry(
        "Fréchet distance",
        ".2f",
        "between Gaussians fitted to generated and to test digits in the classifier's features ([Heusel et"
        " al. 2017](https://arxiv.org/abs/1706.08500)); lower is better. The table's column *of floor* is"
        " this figure in multiples of its floor.",
    ),
    "kernel_distance": Entry(
        "KID",
        ".4f",
        "kernel distance between the same features, unbiased ([Bińkowski et al."
        " 2018](https://arxiv.org/abs/1801.01401)); lower is better.",
    ),
    "precision": Entry(
        "precision",
        ".3f",
        "share of samples that lie among real digits, k = 3 ([Kynkäänniemi et al."
        " 2019](https://arxiv.org/abs/1904.06991)): what is made looks real.",
    ),
    "recall": Entry(
        "recall",
        ".3f",
        "share of real digits that lie among samples, k = 3 (the same paper): what is real can be made.",
    ),
    "density": Entry(
        "density",
        ".3f",
        "how densely real digits lie around samples, k = 5 ([Naeem et al."
        " 2020](https://arxiv.org/abs/2002.09797)); above the floor where samples crowd typical digits.",
    ),
    "coverage": Entry(
        "coverage",
        ".3f",
        "share of real digits with a sample near by, k = 5 (the same paper).",
    ),
    "parzen": Entry(
        "Parzen",
        ".1f",
        "Parzen-window log-likelihood of the test digits in nats, the table of [Goodfellow et al."
        " 2014](https://arxiv.org/abs/1406.2661), whose own adversarial nets got 225 ± 2; a known poor"
        " measure.",
    ),
    "parzen_sigma": Entry("Parzen's sigma", ".3f", "the width of its window, chosen on 1,000 other digits."),
    "pieces": Entry(
        "pieces",
        ".3f",
        "connected pieces of ink per image (level above 64, corners touch): specks that features do not see.",
    ),
    "over_two_pieces": Entry("over two pieces", ".2%", "share of images in more than two pieces."),
    "near_copies": Entry(
        "near copies",
        ".1%",
        "share of samples that are nearer to a training digit, in pixels, than all but 1 % of the test digits"
        " of their class are: memorisation; but blur too, as a mean of many digits is near to them all.",
    ),
    "confidence": Entry("confidence", ".3f", "the classifier's mean probability for the likeliest digit."),
    "mnist_score": Entry(
        "MNIST score",
        ".2f",
        "the Inception score ([Salimans et al. 2016](https://arxiv.org/abs/1606.03498)) with a digit"
        " classifier, from 1 to 10.",
    ),
    "class_kl": Entry(
        "class KL", ".4f", "KL divergence of the class histogram from uniform, in nats; 0 is balanced."
    ),
    **{
        f"share_of_{digit}": Entry("class shares", ".1%", "share of samples taken for each digit.")
        for digit in range(10)
    },
    "label_accuracy": Entry(
        "label accuracy", ".2%", "share of a conditional model's samples taken for the digit asked for."
    ),
    "auc_generated": Entry(
        "AUC generated",
        ".3f",
        "how well the discriminator ranks test digits above samples: 0.5 where it has met its match.",
    ),
    "auc_noise": Entry("AUC noise", ".3f", "the same against uniform noise; 1 is right."),
    "auc_inverted": Entry("AUC inverted", ".3f", "the same against inverted digits; 1 is right."),
    "auc_train": Entry(
        "AUC train", ".3f", "training digits against test digits: above 0.5 the discriminator has memorised."
    ),
    "reconstruction_error": Entry(
        "reconstruction", ".4f", "mean squared error per pixel of test digits encoded and decoded."
    ),
    "classifier_accuracy": Entry("accuracy", ".2%", "test accuracy of the system's own classifier."),
    "microseconds_per_image": Entry(
        "µs per image", ".0f", "what an image costs on one processor thread, in batches of 64."
    ),
    "microseconds_alone": Entry("µs alone", ".0f", "the same for an image alone."),
    "training_seconds": Entry("training, s", ".0f", "seconds that the training took."),
}
