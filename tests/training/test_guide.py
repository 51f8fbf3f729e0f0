"""The guide cannot drift: what is made of the bundles is what they say, and all that it names is there."""

import re
from pathlib import Path

import pytest

from training import guide, recipes
from training.guide import GuideError
from training.leaderboard import newest
from training.served import read_manifest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / guide.PAGE).read_text()


def test_what_is_made_is_up_to_date() -> None:
    assert guide.filled(PAGE, ROOT) == PAGE, "run: python -m training guide"


def test_its_figures_are_the_manifests() -> None:
    for folder in newest(ROOT / "models"):
        manifest = read_manifest(folder)
        if not manifest.metrics:  # Just exported, and measured later.
            continue
        part = PAGE.split(f"<!-- system {manifest.name} -->")[1].split("<!-- end -->")[0]
        for name in ("frechet_distance", "precision", "recall"):
            assert f" {manifest.metrics[name].value:.2f} (real {manifest.metrics[name].floor:.2f})" in part
        assert f"models/{manifest.name}/{manifest.version}/preview.png" in part


def test_every_system_is_in_it_once() -> None:
    named = re.findall(r"^<!-- system (\w+) -->$", PAGE, re.MULTILINE)
    assert sorted(named) == recipes.names()
    assert PAGE.count("<!-- directions -->") == 1
    assert PAGE.count("<!-- end -->") == len(named) + 1


@pytest.mark.parametrize("link", sorted(set(re.findall(r'src="([^"]+)"|\]\(([^)#:]+)\)', PAGE))))
def test_every_picture_and_page_is_there(link: tuple[str, str]) -> None:
    assert (ROOT / "docs" / "".join(link)).is_file()


@pytest.mark.parametrize("named", sorted(set(re.findall(r"\b(?:models|tests|training)/[\w./-]*\w", PAGE))))
def test_every_bundle_and_file_that_it_names_is_there(named: str) -> None:
    assert (ROOT / named).exists()


def test_the_command_for_directions_names_the_conditional_model_s_newest_version() -> None:
    told = [folder for folder in newest(ROOT / "models") if read_manifest(folder).conditional]
    assert told
    for folder in told:
        assert f"`python -m training directions {folder.relative_to(ROOT)}`" in PAGE


def test_a_system_without_a_bundle_says_how_to_train_it() -> None:
    said = guide.system("wgan", None, "")
    assert "max_(w in W)" in said
    assert "make train RECIPE=wgan" in said


def test_a_system_s_own_trials_are_told_and_no_other_s() -> None:
    tried = (
        "| `train wgan --paper` | one |\n| `train wgan_gp` | two |\n| `train gan`, `wgan` without | three |\n"
    )
    said = guide.system("wgan", None, tried)
    assert "one" in said
    assert "three" in said
    assert "two" not in said


def test_a_system_that_is_none_is_named() -> None:
    with pytest.raises(GuideError, match="the system lsgan; there are autoencoder, "):
        guide.filled("<!-- system lsgan -->\n<!-- end -->", ROOT)
