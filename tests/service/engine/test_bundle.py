"""What is checked of a bundle, and that every refusal names the file and what is wrong."""

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from service.engine.bundle import load_bundle, unchanged
from service.engine.refusal import BundleError
from tests.service import bundles
from tests.service.bundles import BUILD, replace_role, rewrite_manifest, write_bundle

Weights = np.random.RandomState


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path, "tiny", 1, roles=tuple(BUILD), preview=b"picture")


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(folder, "cpu")
    return str(caught.value)


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("conditional", [False, True])
def test_a_good_bundle_is_loaded(tmp_path: Path, conditional: bool) -> None:
    folder = write_bundle(
        tmp_path, "tiny", 3, conditional=conditional, roles=tuple(BUILD), preview=b"picture"
    )
    bundle = load_bundle(folder, "cpu")
    assert bundle.manifest.version == 3
    assert set(bundle.sessions) == set(BUILD)
    assert bundle.exact
    assert bundle.preview == b"picture"
    assert ("label" in bundle.sessions["discriminator"].inputs) == conditional


def test_without_a_picture_there_is_none(tmp_path: Path) -> None:
    assert load_bundle(write_bundle(tmp_path, "tiny"), "cpu").preview is None


def test_a_missing_file_is_named(bundle: Path) -> None:
    (bundle / "encoder.onnx").unlink()
    assert refusal(bundle) == f"{bundle / 'encoder.onnx'}: No such file or directory"
    (bundle / "manifest.json").unlink()
    assert refusal(bundle) == f"{bundle / 'manifest.json'}: No such file or directory"


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff", '{"name": NaN}', "[" * 10_000])
def test_a_manifest_that_is_none_is_refused(bundle: Path, text: str) -> None:
    (bundle / "manifest.json").write_text(text, encoding="latin-1")
    assert refusal(bundle).startswith(f"{bundle / 'manifest.json'}: manifest")


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"latent_dim": 5}, "5 wide"),
        ({"surprise": 1}, "surprise"),
        ({"name": "other"}, "unlike its folder"),
        ({"version": 2}, "unlike its folder"),
        ({"schema_version": 2}, "schema_version"),
        ({"licence": None}, "licence"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(bundle: Path, change: dict[str, Any], wrong: str) -> None:
    rewrite_manifest(bundle, **change)
    assert str(bundle / "manifest.json") in refusal(bundle)
    assert wrong in refusal(bundle)


@pytest.mark.parametrize("name", ["../x.onnx", "/etc/passwd", ".x.onnx", "a/b.onnx", "x.onnx\n", "x.bin"])
def test_a_file_name_that_is_a_path_is_refused(bundle: Path, name: str) -> None:
    edit(bundle, lambda manifest: manifest["roles"]["encoder"].update(file=name))
    assert "roles.encoder.file" in refusal(bundle)


def test_a_file_of_another_size_is_refused(bundle: Path) -> None:
    path = bundle / "discriminator.onnx"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    assert "but the manifest says" in refusal(bundle)
    path.write_bytes(data + b"x")
    assert f"{path}: has {len(data) + 1:,} bytes, more than {len(data):,}" == refusal(bundle)


def test_every_flipped_bit_is_noticed(bundle: Path) -> None:
    path = bundle / "generator.onnx"
    data = bytearray(path.read_bytes())
    for position in np.random.RandomState(0).randint(0, len(data), 20):
        broken = bytearray(data)
        broken[position] ^= 1
        path.write_bytes(broken)
        assert refusal(bundle).startswith(f"{path}: is corrupted or was replaced: its sha256 is ")


def test_a_direction_s_picture_is_checked_like_any_other_file(bundle: Path) -> None:
    picture = {"file": "direction-ink.webp", "sha256": hashlib.sha256(b"ink").hexdigest(), "bytes": 3}
    found = {"method": "sefa", "trait": "ink", "correlation": 1, "kept": 1, "moves": {}, "picture": picture}
    edit(bundle, lambda manifest: manifest["directions"][0].update(found=found))
    path = bundle / "direction-ink.webp"
    assert refusal(bundle) == f"{path}: No such file or directory"
    path.write_bytes(b"ice")
    assert refusal(bundle).startswith(f"{path}: is corrupted or was replaced")
    path.write_bytes(b"ink")
    assert load_bundle(bundle, "cpu").manifest.directions[0].found


@pytest.fixture
def plane(tmp_path: Path) -> Path:
    """The shipped model of two latent dimensions, whose directions have landscapes."""
    shipped = next((Path(__file__).parents[3] / "models" / "vae_2d").iterdir())
    return Path(shutil.copytree(shipped, tmp_path / "models" / "vae_2d" / shipped.name))


def test_a_landscape_is_checked_and_read(plane: Path) -> None:
    held = load_bundle(plane, "cpu")
    bent = {one.name: one.landscape for one in held.manifest.directions if one.landscape}
    assert held.landscapes.keys() == bent.keys() >= {"slant", "stroke_width"}
    path = plane / bent["slant"].file
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"x")
    assert refusal(plane).startswith(f"{path}: is corrupted or was replaced")
    with pytest.raises(BundleError, match="corrupted"):
        unchanged(plane, held.manifest, held.digest)
    path.write_bytes(b"no picture")
    digest = hashlib.sha256(b"no picture").hexdigest()

    def name_it(manifest: dict[str, Any]) -> None:
        slant = next(one for one in manifest["directions"] if one["name"] == "slant")
        slant["landscape"].update(bytes=10, sha256=digest)

    edit(plane, name_it)
    assert refusal(plane).startswith(f"{path}: is no PNG")


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"vector": None}, "either a vector or a landscape"),
        ({"vector": [1.0]}, "ink is not 4 wide"),
        ({"landscape": "both"}, "either a vector or a landscape"),
        ({"landscape": "alone", "vector": None}, "z is no plane"),
    ],
)
def test_a_direction_is_a_vector_or_on_a_plane_a_landscape(
    bundle: Path, change: dict[str, Any], wrong: str
) -> None:
    entry = {"file": "a.png", "sha256": "0" * 64, "bytes": 1, "reach": 4, "low": 0, "high": 1}
    if "landscape" in change:
        change = change | {"landscape": entry}
    edit(bundle, lambda manifest: manifest["directions"][0].update(change))
    assert wrong in refusal(bundle)


def test_a_network_that_is_none_is_refused_though_its_digest_fits(bundle: Path) -> None:
    broken = bundles.generator(Weights(0), False)
    broken.graph.node[0].op_type = "NoSuchOperator"
    replace_role(bundle, "generator", broken)
    assert f"{bundle / 'generator.onnx'}: onnxruntime refuses it" in refusal(bundle)


def test_a_link_that_leads_out_is_refused(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "generator.onnx"
    path = bundle / "generator.onnx"
    path.rename(outside)
    path.symlink_to(outside)
    assert refusal(bundle) == f"{path}: is a link that leads out of the models' folder"


def test_a_link_that_stays_inside_is_followed(bundle: Path) -> None:
    path = bundle / "generator.onnx"
    path.rename(bundle / "..data")
    path.symlink_to("..data")
    assert load_bundle(bundle, "cpu").exact


def test_a_folder_in_a_files_place_is_refused(bundle: Path) -> None:
    (bundle / "preview.png").unlink()
    (bundle / "preview.png").mkdir()
    assert "is not a file" in refusal(bundle)


def other_graph(
    inputs: dict[str, tuple[int, list[str | int]]], output: tuple[str, int, list[str | int]]
) -> onnx.ModelProto:
    """A network with these ports, that gives zeros of the first input's batch."""
    first = next(iter(inputs))
    dims = [1 if isinstance(size, str) else size for size in output[2]]
    nodes = [
        helper.make_node("Shape", [first], ["all"]),
        helper.make_node("Gather", ["all", "zero"], ["rows"]),
        helper.make_node("Concat", ["rows", "rest"], ["shape"], axis=0),
        helper.make_node(
            "ConstantOfShape",
            ["shape"],
            [output[0]],
            value=helper.make_tensor("v", output[1], [1], [0]),
        ),
    ]
    values = [helper.make_tensor_value_info(name, *port) for name, port in inputs.items()]
    constants: dict[str, Any] = {"zero": np.array([0]), "rest": np.array(dims[1:], np.int64)}
    return bundles.build(nodes, values, False, output, constants)


Z = (TensorProto.FLOAT, ["batch", bundles.LATENT])
IMAGE = ("image", TensorProto.UINT8, bundles.IMAGE)


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        ({"x": Z}, IMAGE),
        ({"z": (TensorProto.DOUBLE, Z[1])}, IMAGE),
        ({"z": (TensorProto.FLOAT, ["batch", bundles.LATENT + 1])}, IMAGE),
        ({"z": (TensorProto.FLOAT, [1, bundles.LATENT])}, IMAGE),
        ({"z": Z, "label": (TensorProto.INT64, ["batch"])}, IMAGE),
        ({"z": Z, "noise": Z}, IMAGE),
        ({"z": Z}, ("picture", TensorProto.UINT8, bundles.IMAGE)),
        ({"z": Z}, ("image", TensorProto.FLOAT, bundles.IMAGE)),
        ({"z": Z}, ("image", TensorProto.UINT8, ["batch", 1, 28, 28])),
    ],
)
def test_other_inputs_or_outputs_are_refused(
    bundle: Path, inputs: dict[str, Any], output: tuple[str, int, list[str | int]]
) -> None:
    replace_role(bundle, "generator", other_graph(inputs, output))
    message = refusal(bundle)
    assert f"{bundle / 'generator.onnx'}: has the " in message
    assert "but a generator has " in message


def test_an_extra_output_is_refused(bundle: Path) -> None:
    model = bundles.generator(Weights(0), False)
    model.graph.output.append(helper.make_tensor_value_info("clipped", TensorProto.FLOAT, ["batch", 784]))
    replace_role(bundle, "generator", model)
    assert "has the outputs image uint8[batch, 28, 28], clipped float32[batch, 784]" in refusal(bundle)


@pytest.mark.parametrize("role", ["discriminator", "encoder", "classifier"])
def test_a_network_with_other_weights_fails_its_self_test(bundle: Path, role: str) -> None:
    replace_role(bundle, role, BUILD[role](Weights(99), False))
    assert f"{bundle / role}.onnx: fails its self-test: values are off by up to" in refusal(bundle)


def test_a_generator_with_other_weights_fails_its_self_test(bundle: Path) -> None:
    replace_role(bundle, "generator", bundles.generator(Weights(99), False))
    assert f"{bundle / 'generator.onnx'}: fails its self-test: pixels are off" in refusal(bundle)


def test_scores_that_are_nan_fail_the_self_test(bundle: Path) -> None:
    model = other_graph({"image": IMAGE[1:]}, ("score", TensorProto.FLOAT, ["batch"]))
    constant = next(node for node in model.graph.node if node.op_type == "ConstantOfShape")
    constant.attribute[0].t.CopyFrom(helper.make_tensor("v", TensorProto.FLOAT, [1], [float("nan")]))
    replace_role(bundle, "discriminator", model)
    assert "values are off by up to nan" in refusal(bundle)


def shift_golden(levels: int) -> Callable[[dict[str, Any]], None]:
    """As if the exporting machine had got one pixel this much darker."""

    def change(manifest: dict[str, Any]) -> None:
        golden = manifest["golden"]["generator"]
        data = bytearray(base64.b64decode(golden["images"]))
        position = next(index for index, value in enumerate(data) if 20 < value < 200)
        data[position] += levels
        golden["images"] = base64.b64encode(data).decode()
        golden["sha256"] = hashlib.sha256(data).hexdigest()

    return change


def test_rounding_of_another_processor_is_allowed_and_recorded(bundle: Path) -> None:
    edit(bundle, shift_golden(2))
    assert not load_bundle(bundle, "cpu").exact


def test_more_than_rounding_is_refused(bundle: Path) -> None:
    edit(bundle, shift_golden(3))
    assert "pixels are off by up to 3 levels, not 2" in refusal(bundle)


@pytest.mark.parametrize("images", ["", "!", "é", "AAAA", base64.b64encode(bytes(784)).decode()])
def test_golden_images_that_are_none_are_refused(bundle: Path, images: str) -> None:
    edit(bundle, lambda manifest: manifest["golden"]["generator"].update(images=images))
    assert f"{bundle / 'manifest.json'}: golden" in refusal(bundle)


def test_golden_images_must_have_their_digest(bundle: Path) -> None:
    edit(bundle, lambda manifest: manifest["golden"]["generator"].update(sha256="0" * 64))
    assert "the sha256 is not that of the images" in refusal(bundle)


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 10], [0, 1, -1]])
def test_golden_labels_must_be_classes(tmp_path: Path, labels: list[int]) -> None:
    folder = write_bundle(tmp_path, "tiny", conditional=True)
    edit(folder, lambda manifest: manifest["golden"]["generator"].update(labels=labels))
    assert "golden: needs 3 labels of 0 to 9" in refusal(folder)


def test_golden_values_must_have_the_outputs_width(bundle: Path) -> None:
    edit(bundle, lambda manifest: manifest["golden"]["encoder"].update(values=[[0.0]] * 3))
    assert "it gives 4 values per image" in refusal(bundle)


def test_ragged_golden_values_are_refused(bundle: Path) -> None:
    edit(bundle, lambda manifest: manifest["golden"]["encoder"].update(values=[[0.0], [], [1.0, 2.0]]))
    assert "golden.encoder: the values are no table" in refusal(bundle)
