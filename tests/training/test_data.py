import gzip
import shutil
from pathlib import Path

import pytest
import torch

from tests.training.conftest import FEW, few
from training import data
from training.data import DataError, Digits


def test_the_digits_are_parsed_as_the_format_says() -> None:
    digits = few("train")
    assert digits.image.shape == (512, 28, 28)
    assert digits.image.dtype == torch.uint8
    assert digits.label[:5].tolist() == [5, 0, 4, 1, 9]  # MNIST's well-known first labels


def test_scaling_maps_paper_to_minus_one_and_ink_to_one() -> None:
    image = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    assert data.scale(image).flatten().tolist() == [-1, 1]


def test_an_epoch_shows_each_digit_once_and_the_next_one_in_another_order() -> None:
    digits = Digits(torch.zeros(12, 28, 28, dtype=torch.uint8), torch.arange(12))
    epochs = [[digits.minibatch(4, 7, 3 * e + i).label.tolist() for i in range(3)] for e in range(2)]
    flat = [[label for batch in epoch for label in batch] for epoch in epochs]
    assert sorted(flat[0]) == sorted(flat[1]) == list(range(12))
    assert flat[0] != flat[1]


def test_a_minibatch_is_a_pure_function_of_seed_and_index(digits: Digits) -> None:
    one, two = digits.minibatch(16, 3, 40), digits.minibatch(16, 3, 40)
    assert torch.equal(one.image, two.image)
    assert not torch.equal(one.label, digits.minibatch(16, 4, 40).label)


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(DataError, match="batch size 513"):
        few("train").minibatch(513, 0, 0)


def test_other_digits_than_mnist_s_are_refused_by_their_checksum() -> None:
    with pytest.raises(DataError, match="sha256 differs"):
        data.load("train", FEW)


def test_a_missing_file_names_the_folder_and_the_fix(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leave out --data-dir"):
        data.load("train", tmp_path)


def test_a_missing_file_of_mnist_dir_s_folder_names_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    with pytest.raises(DataError, match="unset MNIST_DIR to download"):
        data.load("train")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x00\x00\x0d\x03", "not an IDX file"),
        (b"\x00\x00\x08\x03\x00\x00", "cut short"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x05ab", "holds 2 bytes"),
    ],
)
def test_a_malformed_file_says_what_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    shutil.copytree(FEW, tmp_path, dirs_exist_ok=True)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=message):
        data.load("train", tmp_path, verify=False)


@pytest.mark.parametrize("damage", [slice(5000, None), slice(100, 200)])
def test_a_damaged_archive_says_what_to_do(tmp_path: Path, damage: slice) -> None:
    shutil.copytree(FEW, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    del content[damage]
    path.write_bytes(content)
    with pytest.raises(DataError, match="delete it"):
        data.load("train", tmp_path, verify=False)
