"""The grammar of image files, one module for each container, and of the uploads that carry them."""

from collections.abc import Callable

from benchmarks.faults.adversary.case import Case
from benchmarks.faults.adversary.draws import Chance, damaged, often, size, weighted
from benchmarks.faults.adversary.images import bmp, gif, jpeg, png, sniffed, tiff, webp
from benchmarks.faults.containers import base64_of, post_form, post_image, post_json

FILE_BYTES = 1_040_000
FORM_BYTES = 4_000_000
FORM_FILES = 66
SOME_FILES = 16
"""Running the networks on so many files costs the main process about as much as a request without files."""
CLOSE = "Connection: close"
KINDS: list[tuple[float, Callable[[Chance], tuple[str, bytes]]]] = [
    (5, png.generate),
    (5, jpeg.generate),
    (3, gif.generate),
    (3, webp.generate),
    (4, bmp.generate),
    (2, tiff.generate),
    (2, sniffed.generate),
]
PATHS = [("/score", "cgan"), ("/encode", "vae"), ("/classify", "sgan")]


def picture(chance: Chance) -> tuple[str, bytes]:
    """The label and the bytes of one file, seldom damaged."""
    label, data = weighted(chance, KINDS)(chance)
    if often(chance, 0.08):
        change, data = damaged(chance, data)
        label += f", {change}"
    return label, data[:FILE_BYTES]


def generate(chance: Chance) -> Case:
    """One upload: an image body, base64 in JSON, a form of one or many files, or the mask of /encode."""
    label, data = picture(chance)
    files = 1
    path, model = chance.choice(PATHS)
    target = f"{path}?model={model}"
    form = weighted(chance, [(5, "body"), (2, "json"), (2, "form"), (1, "mask")])
    if form == "body":
        sent = post_image(target, data, chance.choice(["png", "jpeg", "gif", "webp", "bmp", "x"]))
    elif form == "json":
        files = _number(chance, len(data) * 4 // 3)
        sent = post_json(target, {"images": [base64_of(data)] * files})
    elif form == "form":
        files = _number(chance, len(data))
        sent = post_form(target, [data] * files)
    else:
        sent = post_json(
            "/encode?model=vae", {"images": [base64_of(data)], "mask": base64_of(data), "rounds": 1}
        )
    head, _, body = sent.partition(b"\r\n\r\n")
    if files > 1:
        label += f", {'some' if files < SOME_FILES else 'many'} files"
    requests = 1 + files // SOME_FILES
    return Case(label, (head + b"\r\n" + CLOSE.encode() + b"\r\n\r\n" + body,), requests=requests)


def _number(chance: Chance, length: int) -> int:
    """Draw the number of files of this length in one upload."""
    return size(chance, max(1, min(FORM_FILES, FORM_BYTES // max(1, length))))
