"""What is particular to the semi-supervised GAN: which labels it reads, and what its outputs mean."""

import torch

from training.data import Digits
from training.recipes.sgan import Config, Discriminator, Sgan

SMALL = Config(labels=20, labelled_batch=8)


def known_after(recipe: Sgan, digits: Digits, seed: int) -> torch.Tensor:
    for index in range(4):
        recipe.labelled(digits.minibatch(64, seed, index))
    return recipe.known_image


def test_the_known_labels_are_as_many_of_each_class_and_stay_the_same(digits: Digits) -> None:
    recipe = Sgan(SMALL)
    known = known_after(recipe, digits, seed=0).clone()
    assert recipe.known_label.sum(0).tolist() == [2] * 10
    recipe.labelled(digits.minibatch(64, 0, 9))
    assert torch.equal(recipe.known_image, known)


def test_which_labels_are_known_follows_from_the_seed_alone(digits: Digits) -> None:
    one, two = Sgan(SMALL), Sgan(SMALL)
    assert torch.equal(known_after(one, digits, seed=0), known_after(two, digits, seed=0))
    assert not torch.equal(one.known_image, known_after(Sgan(SMALL), digits, seed=1))


def test_labelled_digits_come_with_their_own_label(digits: Digits) -> None:
    recipe = Sgan(SMALL)
    batch = digits.minibatch(64, 0, 0)
    image, label = recipe.labelled(batch)
    assert image.shape == (8, 1, 28, 28)
    for one, row in zip(image, label, strict=True):
        source = (batch.image == one).flatten(1).all(1).nonzero()[0, 0]
        assert row[batch.label[source]] == row.sum() == 1


def test_the_odds_of_being_real_are_the_sum_over_classes_against_one() -> None:
    """D(x) = Z / (Z + 1): a softmax over the K logits and a zero for "generated" (arXiv 1606.03498)."""
    judge = Discriminator(minibatch_deviation=True).eval()
    image = torch.rand(3, 1, 28, 28) * 2 - 1
    logits = judge.classifier(image)
    with_generated = torch.cat([logits, torch.zeros(3, 1)], 1).softmax(1)
    torch.testing.assert_close(judge(image).sigmoid(), 1 - with_generated[:, -1])


def test_without_the_gan_only_the_classifier_is_trained() -> None:
    assert [phase.name for phase in Sgan(Config(adversarial=False)).phases()] == ["discriminator"]
