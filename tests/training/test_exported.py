"""The weights of an exported model as a file: what is written is read, and what is damaged is refused in one line."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.core.errors import DataError
from sru_repro.training.exported import extra_of, tensor_bytes, tensors_of

TENSORS = {
    "a.weight": torch.tensor([[1.5, -2.0, 0.25]]),
    "half": torch.tensor([1.0, 2.0], dtype=torch.float16),
    "codes": torch.tensor([[-127], [3]], dtype=torch.int8),
    "empty": torch.empty(0, 4),
    "count": torch.tensor(7),
}


def file_of(header: Any, numbers: bytes) -> bytes:
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + numbers


def test_what_is_written_is_read() -> None:
    wide = torch.arange(6.0).reshape(2, 3)
    tensors = {**TENSORS, "turned": wide.T, "row": wide[1], "same": wide}
    content = tensor_bytes(tensors)
    assert content == tensor_bytes(tensors)
    found = tensors_of(content, Path("x"))
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor), name
    (size,) = struct.unpack("<Q", content[:8])
    assert json.loads(content[8 : 8 + size])["__metadata__"] == {"format": "pt"}


def test_a_file_of_another_writer_is_read() -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
        "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
    }
    found = tensors_of(file_of(header, struct.pack("<ff", 1.0, 2.0)), Path("x"))
    assert found["a"].shape == () and (found["a"].item(), found["b"].item()) == (1.0, 2.0)


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"short", b"\xff" * 64, tensor_bytes(TENSORS)[:-1], tensor_bytes(TENSORS) + b"x"),
        *(file_of([], b""), file_of({"a": 1}, b""), file_of({"a": {**ONE, "dtype": "F99"}}, b"1234")),
        *(
            file_of({"a": {**ONE, "shape": [2]}}, b"1234"),
            file_of({"a": {**ONE, "shape": [-1, -1]}}, b"1234"),
        ),
        file_of({"a": ONE, "b": ONE}, b"1234"),
        file_of({"a": {**ONE, "data_offsets": [4, 8]}}, b"12345678"),
        file_of({"a": {**ONE, "data_offsets": ["0", 4]}}, b"1234"),
        file_of({"a": {**ONE, "data_offsets": [0]}}, b"1234"),
    ],
    ids=range(14),
)
def test_what_is_damaged_is_one_line(content: bytes) -> None:
    with pytest.raises(
        DataError, match=r"^x: expected tensors in the format safetensors, found a .*\); take it"
    ) as told:
        tensors_of(content, Path("x"))
    assert "\n" not in str(told.value)


EXTRA = {"words": ["<pad>", "<unk>", "b\u00f6se"], "classes": ["negative", "positive"]}


def test_words_and_classes_are_read() -> None:
    assert extra_of(json.dumps(EXTRA, ensure_ascii=False).encode(), Path("x")) == EXTRA


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[1]", "expected a mapping, found list"),
        (b"null", "expected a mapping, found NoneType"),
        (b"{}", "key 'words' is missing"),
        (b'{"words":null,"classes":null}', "key 'words': expected list, found None"),
        (b'{"words":[1,2],"classes":["a"]}', "key 'words[0]': expected str, found 1"),
        (b'{"words":["a","b"],"classes":"ab"}', "key 'classes': expected list, found 'ab'"),
        (b'{"words":["a"],"classes":["a"]}', "key 'words': expected 2 or more, found 1"),
        (b'{"words":["a","b"],"classes":[]}', "key 'classes': expected 1 or more, found 0"),
        (b'{"a":', "expected JSON, found Expecting value"),
        (b"[" * 200_000, "expected JSON, found maximum recursion depth exceeded"),
        (b"\xff\xfe{\x00\x80\xd8", "expected JSON, found 'utf-8' codec can't decode byte 0xff"),
        (b"", "expected JSON, found Expecting value"),
    ],
    ids=range(12),
)
def test_other_words_are_one_line(content: bytes, problem: str) -> None:
    with pytest.raises(DataError) as told:
        extra_of(content, Path("x"))
    assert str(told.value).startswith(f"x: {problem}") and "\n" not in str(told.value)
    assert str(told.value).endswith("; take it again from where it came")
