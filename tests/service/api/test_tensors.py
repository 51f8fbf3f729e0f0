"""Tensors of the Open Inference Protocol: read and written as it says, and nothing else is let in."""

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from service.api.tensors import DATATYPES, DTYPES, PIECE_NUMBERS, InferRequest, compose, parse
from service.engine.session import Array
from service.errors import ServiceError

LIMIT = 10_000
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
ARRAYS = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda name: (
        hnp.arrays(DTYPES[name], hnp.array_shapes(max_dims=3, max_side=4), elements=FLOATS)
        if name == "FP32"
        else hnp.arrays(DTYPES[name], hnp.array_shapes(max_dims=3, max_side=4))
    )
)


def body_of(*inputs: dict[str, Any], raw: bytes = b"", **members: Any) -> tuple[bytes, str]:
    text = json.dumps({"inputs": inputs, **members}).encode()
    return text + raw, str(len(text))


def tensor(
    data: Any, *, name: str = "x", shape: list[int] | None = None, kind: str = "FP32"
) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)] if shape is None else shape, "datatype": kind, "data": data}


def refused(body: bytes, length: str | None = None) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        parse(body, length, LIMIT)
    return caught.value


@given(ARRAYS, st.booleans())
def test_json_is_read_flat_or_nested(array: Array, nested: bool) -> None:
    data = array.tolist() if nested else array.ravel().tolist()
    body, _ = body_of(tensor(data, shape=list(array.shape), kind=DATATYPES[array.dtype.name]))
    _, tensors = parse(body, None, LIMIT)
    assert tensors["x"].dtype == array.dtype
    np.testing.assert_array_equal(tensors["x"], array)


@given(st.lists(ARRAYS, min_size=1, max_size=3), st.text(max_size=9))
def test_raw_tensors_are_read_in_order_at_any_address(arrays: list[Array], name: str) -> None:
    inputs = [
        {
            "name": f"{name}{i}",
            "shape": list(array.shape),
            "datatype": DATATYPES[array.dtype.name],
            "parameters": {"binary_data_size": array.nbytes},
        }
        for i, array in enumerate(arrays)
    ]
    body, length = body_of(*inputs, raw=b"".join(array.tobytes() for array in arrays))
    _, tensors = parse(body, length, LIMIT)
    for i, array in enumerate(arrays):
        np.testing.assert_array_equal(tensors[f"{name}{i}"], array)
        assert tensors[f"{name}{i}"].flags.aligned


def test_raw_and_json_inputs_may_be_mixed() -> None:
    raw = {"name": "a", "shape": [2], "datatype": "UINT8", "parameters": {"binary_data_size": 2}}
    body, length = body_of(tensor([1.5], name="b"), raw, raw=b"\x07\x08", id="me")
    asked, tensors = parse(body, length, LIMIT)
    assert asked.id == "me"
    assert tensors["a"].tolist() == [7, 8]
    assert tensors["b"].tolist() == [1.5]


@pytest.mark.parametrize("size", [0, 1, PIECE_NUMBERS, PIECE_NUMBERS + 1, 3 * PIECE_NUMBERS])
def test_long_outputs_are_written_as_json_writes_them(size: int) -> None:
    array = np.arange(size, dtype=np.float32) / 7
    body, _ = asyncio.run(compose({"model_name": "m"}, "y", array, raw=False))
    entry = {"name": "y", "datatype": "FP32", "shape": [size], "data": array.tolist()}
    assert body == json.dumps({"model_name": "m", "outputs": [entry]}).encode()


@pytest.mark.parametrize("raw", [True, False])
@given(array=ARRAYS)
def test_what_is_composed_reads_as_it_was(raw: bool, array: Array) -> None:
    body, length = asyncio.run(compose({"model_name": "m"}, "y", array, raw=raw))
    assert (length is not None) is raw
    answer = json.loads(body[:length])
    (output,) = answer["outputs"]
    assert (answer["model_name"], output["name"], output["shape"]) == ("m", "y", list(array.shape))
    dtype = DTYPES[output["datatype"]]
    found = np.frombuffer(body[length:], dtype) if raw else np.array(output["data"], dtype)
    np.testing.assert_array_equal(found.reshape(array.shape), array)
    if raw:
        assert output["parameters"]["binary_data_size"] == array.nbytes


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (tensor([1, 2], shape=[3]), "needs 3 numbers, not 2"),
        (tensor([[1, 2], [3]], shape=[2, 2]), "not nested as its shape"),
        (tensor([[1], 2], shape=[2, 1]), "not nested as its shape"),
        (tensor([[1]], shape=[1]), "list of numbers"),
        (tensor(["a" * 1000, ""]), "list of numbers"),
        (tensor([True]), "list of numbers"),
        (tensor([None]), "list of numbers"),
        (tensor([2.0], kind="INT64"), "list of integers"),
        (tensor([256], kind="UINT8"), "too large for UINT8"),
        (tensor([-1], kind="UINT8"), "too large for UINT8"),
        (tensor([2**63], kind="INT64"), "too large for INT64"),
        (tensor([10**400]), "too large for FP32"),
        (tensor([1e39]), "too large for FP32"),
        (tensor([1], kind="BYTES"), "FP32, INT64, UINT8"),
        (tensor([1], shape=[2**31]), "shape"),
        (tensor([1], shape=[-1]), "shape"),
        (tensor([], shape=[0, 2**31 - 1, 2**31 - 1]), "more than 2,147,483,648 numbers: send 1 to 256 rows"),
        (
            {
                "name": "x",
                "shape": [2**31 - 1] * 8,
                "datatype": "FP32",
                "parameters": {"binary_data_size": 0},
            },
            "more than 2,147,483,648 numbers",
        ),
        ({"name": "x", "shape": [1], "datatype": "FP32"}, "give data or binary_data_size"),
        (tensor([1]) | {"parameters": {"binary_data_size": 4}}, "not both"),
        (tensor([1]) | {"parameters": {"shared_memory_region": "r"}}, "shared_memory_region"),
    ],
)
def test_a_wrong_input_is_named(given: dict[str, Any], word: str) -> None:
    error = refused(body_of(given)[0])
    assert error.status == 422
    assert word in error.detail
    assert len(error.detail) < 1500


def raw_input(size: int) -> dict[str, Any]:
    return {"name": "x", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": size}}


@pytest.mark.parametrize(
    ("size", "raw", "word"),
    [
        (7, b"\x00" * 8, "make 8 bytes, not 7"),
        (8, b"\x00" * 7, "of its 8 bytes 7 came"),
        (8, b"\x00" * 9, "1 bytes are left over"),
    ],
)
def test_raw_bytes_are_as_many_as_they_are_said_to_be(size: int, raw: bytes, word: str) -> None:
    assert word in refused(*body_of(raw_input(size), raw=raw)).detail


def test_an_input_is_given_once() -> None:
    assert "give it once" in refused(body_of(tensor([1]), tensor([1]))[0]).detail


@pytest.mark.parametrize("length", ["-1", "x", "999", "1e3", "9" * 5000, "0" * 5000, "²"])
def test_a_header_length_beyond_the_body_is_refused(length: str) -> None:
    assert "Inference-Header-Content-Length" in refused(body_of(tensor([1]))[0], length).detail


def test_json_is_bounded_whatever_the_body_may_be() -> None:
    assert refused(body_of(tensor([1.25] * LIMIT))[0]).status == 413


@given(st.binary(max_size=200), st.none() | st.text(max_size=4))
def test_any_bytes_are_refused_with_a_sentence(body: bytes, length: str | None) -> None:
    assert refused(body, length).status == 422


def test_a_shape_of_more_numbers_than_a_network_takes_is_refused_before_it_is_read() -> None:
    body, _ = body_of(tensor(["not a number", 2, 3]))
    with pytest.raises(ServiceError, match="more than 2 numbers"):
        parse(body, None, LIMIT, numbers_max=2)


@pytest.mark.parametrize("item", ["[]", "{}"])
def test_lists_and_objects_are_counted_before_any_is_built(
    monkeypatch: pytest.MonkeyPatch, item: str
) -> None:
    body = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[%s]}]}' % b",".join(
        [item.encode()] * 20_000
    )
    monkeypatch.setattr(InferRequest, "model_validate_json", None)
    with pytest.raises(ServiceError, match="more than 16,384 lists and objects"):
        parse(body, None, len(body))


def test_the_largest_nested_tensor_is_read() -> None:
    images = np.zeros((256, 28, 28), np.uint8)
    body, _ = body_of(tensor(images.tolist(), shape=[256, 28, 28], kind="UINT8"))
    assert parse(body, None, len(body))[1]["x"].shape == (256, 28, 28)
