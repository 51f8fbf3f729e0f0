"""What is particular to the semi-supervised GAN: which labels it reads, and what its outputs mean."""

import pytest
import torch

from training.data import Digits
from training.recipes.sgan import Classifier, Config, Discriminator, Sgan, moved

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
    classifier = Classifier(channels=4, minibatch_deviation=False)
    image = torch.rand(3, 1, 28, 28) * 2 - 1
    with_generated = torch.cat([classifier(image), torch.zeros(3, 1)], 1).softmax(1)
    odds, _ = classifier.judge(image)
    torch.testing.assert_close(odds.sigmoid(), 1 - with_generated[:, -1])


def test_the_score_is_the_mean_of_the_judges_log_odds() -> None:
    image = torch.rand(3, 1, 28, 28) * 2 - 1
    both = Discriminator(Config(minibatch_deviation=False))
    assert both.dense is not None
    odds, _ = both.classifier.judge(image)
    torch.testing.assert_close(both(image), (odds + both.dense(image)) / 2)
    one = Discriminator(Config(minibatch_deviation=False, dense_judge=False))
    torch.testing.assert_close(one(image), one.classifier.judge(image)[0])


@pytest.mark.parametrize(
    ("share", "classifier", "dense"), [(0.25, True, True), (0, False, True), (1, True, False)]
)
def test_the_generator_hears_each_judge_by_its_share(
    digits: Digits, share: float, classifier: bool, dense: bool
) -> None:
    recipe = Sgan(Config(classifier_share=share))
    loss = recipe.generate(digits.minibatch(16, 0, 0))["loss"]
    assert recipe.discriminator.dense is not None
    for judge, heard in ((recipe.discriminator.classifier, classifier), (recipe.discriminator.dense, dense)):
        gradients = torch.autograd.grad(loss, list(judge.parameters()), retain_graph=True, allow_unused=True)
        assert any(one is not None and one.any() for one in gradients) == heard


def test_the_classifier_that_is_served_gives_the_digits_logits() -> None:
    recipe = Sgan(SMALL).eval()
    image = torch.rand(3, 1, 28, 28) * 2 - 1
    classifier = recipe.discriminator.classifier
    expected = classifier.classes(classifier.features(image))
    assert expected.shape == (3, 10)
    torch.testing.assert_close(recipe.exports()["classifier"](image), expected)


def test_without_the_gan_only_the_classifier_is_trained() -> None:
    assert [phase.name for phase in Sgan(Config(adversarial=False)).phases()] == ["discriminator"]


def test_a_batch_s_variety_says_how_real_it_is_and_nothing_of_its_digits() -> None:
    classifier = Classifier(channels=4, minibatch_deviation=True)
    assert classifier.variety is not None
    torch.nn.init.ones_(classifier.variety.weight)
    image = torch.rand(16, 1, 28, 28) * 2 - 1
    alike = image[:1].expand(16, -1, -1, -1)
    varied, same = classifier.judge(image), classifier.judge(alike)
    assert varied[0][0] > same[0][0] + 1e-3
    torch.testing.assert_close(varied[1][0], same[1][0])


def test_a_moved_digit_keeps_its_ink_and_goes_up_to_two_pixels_both_ways() -> None:
    image = torch.full((400, 1, 28, 28), -1.0)
    image[:, 0, 14, 9] = 1
    places = moved(image)[:, 0].flatten(1).argmax(1)
    row, column = places // 28, places % 28
    assert set((row - 14).tolist()) == set((column - 9).tolist()) == {-2, -1, 0, 1, 2}
    assert moved(image).sum().item() == image.sum().item()


def test_unlabelled_digits_teach_certainty_and_balance() -> None:
    recipe = Sgan(Config(consistency=0, certainty=1, balance=1))
    image = torch.zeros(10, 1, 28, 28)
    sure_and_balanced = recipe.unlabelled(image, 50 * torch.eye(10))
    sure_of_one = recipe.unlabelled(image, 50 * torch.eye(10)[:1].expand(10, 10))
    unsure = recipe.unlabelled(image, torch.zeros(10, 10))
    assert sure_and_balanced < -2.3 < -0.01 < min(sure_of_one, unsure)
