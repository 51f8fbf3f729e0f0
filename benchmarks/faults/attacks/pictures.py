"""Attacks by image files that cost much to decode."""

import asyncio
import itertools

from benchmarks.faults.attacks import files
from benchmarks.faults.attacks.attacker import Attacker
from benchmarks.faults.containers import base64_of, png, post_form, post_image, post_json

FILES = 64
HALF_FILES = 38
"""/score of a conditional model queues ten images for a file: 64 and 38 files take 1,020 of 1,024 places."""
REFUSED_PAUSE_S = 0.5
SCANS_BYTES = 1_000_000
UPLOADS = 6
OVERSIZED = 10_000


async def bitmaps(attacker: Attacker) -> None:
    """Three loops of forms full of bitmaps of four megapixels in 122 bytes."""
    bitmap = files.rle_bitmap()
    forms = [
        post_form("/score", [bitmap] * FILES),
        post_form("/score", [bitmap] * HALF_FILES),
        post_form("/score", [bitmap] * 4, {"label": "7"}),
    ]

    async def loop(data: bytes) -> None:
        while True:
            answer = await attacker.ask(data)
            if answer is None or answer.status != 200:
                await asyncio.sleep(REFUSED_PAUSE_S)

    await asyncio.gather(*map(loop, forms))


async def bitmap_form(attacker: Attacker) -> None:
    """One loop of such forms."""
    data = post_form("/score", [files.rle_bitmap()] * FILES)
    await attacker.loops(1, lambda: attacker.ask(data))


async def scans(attacker: Attacker) -> None:
    """Six uploads at a time of JPEGs with tens of thousands of scans."""
    data = post_image("/score", files.jpeg_of_scans(SCANS_BYTES), "jpeg")
    await attacker.loops(UPLOADS, lambda: attacker.ask(data))


async def profiles(attacker: Attacker) -> None:
    """Masks with 900 colour profiles that unpack to a megabyte each."""
    mask = base64_of(files.png_of_profiles())
    image = base64_of(png())
    data = post_json("/encode", {"model": "vae", "images": [image], "mask": mask})
    await attacker.loops(1, lambda: attacker.ask(data))


async def warnings(attacker: Attacker) -> None:
    """Files that Pillow warns of: three with 65,535 tags, then oversized PNGs, each of another size."""
    tagged = [
        post_image("/score", files.png_of_tags()),
        post_image("/score", files.jpeg_of_tags(), "jpeg"),
        post_image("/score", files.webp_of_tags(), "webp"),
    ]
    for data in tagged:
        await attacker.ask(data)
    numbers = itertools.cycle(range(OVERSIZED))
    await attacker.loops(8, lambda: attacker.ask(post_image("/score", files.oversized_png(next(numbers)))))
