"""Every view of the playground, clicked through: what is on screen is what the API says, byte for byte."""

import base64
import gzip
import io
import struct
import zipfile

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.service.api.pictures import of_png
from tests.web.playground import Playground, playground, shipped

__all__ = ["playground", "shipped"]  # Fixtures: pytest finds them by being here.

GRID = ".tiles canvas"
ROWS = [*range(10)] * 6


def test_the_first_picture_is_rows_of_all_digits(playground: Playground) -> None:
    page = playground.open()
    assert page.title() == "Sample · Handwriting by no one"
    playground.until_shown(GRID, playground.images("generate", seed=1, labels=ROWS))
    assert page.locator("#card").inner_text().count("Fréchet distance") == 1


def test_a_link_reproduces_the_picture_and_the_controls_change_it(playground: Playground) -> None:
    page = playground.open("#sample?seed=77&n=30&labels=mixed&truncation=0.5")
    wanted = playground.images("generate", seed=77, n=30, truncation=0.5)
    playground.until_shown(GRID, wanted)
    page.get_by_role("combobox", name="Digits").select_option("7")
    playground.until_shown(GRID, playground.images("generate", seed=77, n=30, labels=7, truncation=0.5))
    page.get_by_label("Variety").fill("1")
    page.get_by_role("combobox", name="How many").select_option("10")
    page.get_by_label("Seed", exact=True).fill("4294967290")
    playground.until_shown(GRID, playground.images("generate", seed=4294967290, n=10, labels=7))
    page.wait_for_function("() => location.hash === '#sample?seed=4294967290&n=10&labels=7'")
    page.get_by_label("Another seed").click()
    page.wait_for_function("() => !location.hash.includes('4294967290')")
    link = page.url
    seed = int(page.get_by_label("Seed", exact=True).input_value())
    shown = playground.images("generate", seed=seed, n=10, labels=7)
    playground.until_shown(GRID, shown)
    playground.open(link.removeprefix(f"{playground.url}/"))
    playground.until_shown(GRID, shown)


def test_another_model_draws_with_the_same_seeds(playground: Playground) -> None:
    page = playground.open("#sample?n=10")
    page.get_by_role("combobox", name="Model").select_option("gan")
    playground.until_shown(GRID, playground.images("generate", model="gan", seed=1, n=10))
    assert page.get_by_role("combobox", name="Digits").is_hidden()


def test_tiles_are_picked_by_mouse_and_by_keyboard_and_lead_on(playground: Playground) -> None:
    page = playground.open("#sample?n=30")
    tiles = page.get_by_role("listbox", name="Generated digits").get_by_role("option")
    tiles.nth(4).click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert tiles.nth(15).get_attribute("aria-selected") == "true"
    playground.until_shown(
        ".card canvas", playground.images("generate", seed=5, n=12, labels=[4] + [5] * 11)[[0, 11]]
    )
    assert "seed 16" in page.locator(".card").nth(1).inner_text()
    page.get_by_role("link", name="Walk from A to B").click()
    page.get_by_text("From A, seed 5 (4), to B, seed 16 (5).").wait_for()
    page.go_back()
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function("() => !document.querySelector('.card')")


def test_downloads_are_the_api_s_own_files(playground: Playground) -> None:
    playground.open("#sample?n=10&seed=3")
    body = {"model": "cgan", "n": 10, "seed": 3, "labels": [*range(10)]}
    png = playground.download("PNG")
    assert png == playground.ask("generate", **body, format="png", columns=10, scale=4).content
    assert playground.download("NPY") == playground.ask("generate", **body, format="npy").content
    with zipfile.ZipFile(io.BytesIO(playground.download("ZIP"))) as archive:
        assert len(archive.namelist()) == 10


def test_a_data_set_in_mnist_s_format(playground: Playground) -> None:
    page = playground.open("#sample?seed=9")
    page.get_by_text("A data set in MNIST's format").click()
    page.get_by_label("Images").fill("300")
    caught: list[bytes] = []
    page.on("download", lambda one: caught.append(one.path().read_bytes()))
    page.get_by_role("button", name="Make it").click()
    page.get_by_text("300 images saved.").wait_for()
    page.wait_for_timeout(300)
    images, labels = sorted((gzip.decompress(one) for one in caught), key=len, reverse=True)
    assert struct.unpack(">4i", images[:16]) == (2051, 300, 28, 28)
    assert struct.unpack(">2i", labels[:8]) == (2049, 300)
    digits = [i % 10 for i in range(300)]
    assert list(labels[8:]) == digits
    wanted = np.concatenate(
        [
            playground.images("generate", seed=9, labels=digits[:250]),
            playground.images("generate", seed=259, labels=digits[250:]),
        ]
    )
    assert images[16:] == wanted.tobytes()


def test_a_number_is_written_and_one_digit_drawn_again(playground: Playground) -> None:
    page = playground.open("#write?seed=5")
    page.get_by_role("textbox", name="Number").fill("030 12")
    digits = ".written canvas"
    plain = playground.images("generate", seed=5, labels=[0, 3, 0, 0, 1, 2])[[0, 1, 2, 4, 5]]
    playground.until_shown(digits, plain)
    page.get_by_role("button", name="3, seed 6: draw it again").click()
    page.wait_for_function("() => /redone=1:\\d+/.test(location.hash)")
    seed = int(page.url.split("redone=1:")[1].split("&")[0])
    plain[1] = playground.images("generate", seed=seed, labels=3)[0]
    playground.until_shown(digits, plain)
    with Image.open(io.BytesIO(playground.download("PNG"))) as strip:
        assert strip.size == (6 * 28 * 8, 28 * 8)
        left = np.asarray(strip.convert("L"))[::8, ::8][:, :28]
    assert np.array_equal(left, plain[0])


def test_a_walk_is_scrubbed_from_end_to_end(playground: Playground) -> None:
    page = playground.open("#walk?picked=3:7,8:7&at=0.001")
    ends = playground.images("generate", seed=3, n=6, labels=7)[[0, 5]]
    scrubber = page.get_by_label("Position between A and B")
    for key, image in (("Home", ends[0]), ("End", ends[1])):
        scrubber.press(key)
        playground.until_shown(".pair canvas[role=img]", np.stack([image, image]))
    body = {"from": 3, "to": 8, "steps": 48, "labels": 7}
    frames = []
    for way in ("slerp", "lerp"):
        middle = playground.ask("interpolate", **body, method=way).json()["images"][20]
        frames.append(of_png(base64.b64decode(middle["b64_json"])))
    assert not np.array_equal(frames[0], frames[1])
    scrubber.fill("0.426")  # 20 of 47
    playground.until_shown(".pair canvas[role=img]", np.stack(frames))
    assert playground.download("GIF")[:6] == b"GIF89a"
    assert playground.download("WEBP")[8:12] == b"WEBP"
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    before = float(scrubber.input_value())
    page.wait_for_function(f"() => document.querySelector('.scrub input').value != {before}")


def test_the_map_is_walked_with_mouse_and_keys(playground: Playground) -> None:
    page = playground.open("#walk?model=vae&at=0.5")
    latents = [
        httpx.get(f"{playground.url}/generate?model=vae&seed={seed}&format=json&return_latents=true").json()[
            "images"
        ][0]["latent"]
        for seed in (1, 2, 3)
    ]
    norms = np.linalg.norm(latents, axis=1)

    def sheet(x: float, y: float) -> list[float]:
        above = (y + 1) / 2
        right = (x + 1) / 2 - above / 2
        z = np.array([1 - above - right, right, above]) @ np.array(latents)
        return [float(value) for value in np.floor(z * norms.mean() / np.linalg.norm(z) * 1e4 + 0.5) / 1e4]

    digit = "[aria-label='The digit at this point']"
    playground.until_shown(digit, playground.images("decode", model="vae", latents=[sheet(0, 0)]))
    surface = page.get_by_role("slider", name="Map of latent space")
    surface.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    page.get_by_text("x 0.04, y 0.20").wait_for()
    playground.until_shown(digit, playground.images("decode", model="vae", latents=[sheet(0.04, 0.2)]))
    box = surface.bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + box["height"] - 1)
    page.get_by_text("x -1.00, y -1.00").or_(page.get_by_text("x -0.99, y -0.99")).first.wait_for()


def test_a_digit_is_steered_by_the_bare_coordinates(playground: Playground) -> None:
    page = playground.open("#steer?seed=4")
    said = playground.ask("generate", seed=4, labels=3, return_latents=True).json()["images"][0]
    start = playground.images("generate", seed=4, labels=3)
    playground.until_shown("[aria-label=Before]", start)
    playground.until_shown("[aria-label=Steered]", start)
    page.get_by_text("The first coordinates of z").click()
    page.get_by_role("slider", name="z0", exact=True).fill("-3")
    moved = playground.images("decode", latents=[[-3.0, *said["latent"][1:]]], labels=3)
    assert not np.array_equal(moved, start)
    playground.until_shown("[aria-label=Steered]", moved)
    page.wait_for_function("() => location.hash.includes('moves=z0:-3')")
    page.get_by_role("button", name="Back to the start").click()
    playground.until_shown("[aria-label=Steered]", start)


def test_a_digit_is_steered_along_measured_directions(playground: Playground) -> None:
    page = playground.open("#steer?seed=4")
    slant = page.get_by_role("slider", name="Slant", exact=True)
    slant.fill("1")
    moved = playground.images("generate", seed=4, labels=3, directions={"slant": float(slant.input_value())})
    playground.until_shown("[aria-label=Steered]", moved)
    assert not page.locator("details .direction").first.is_visible()
    page.get_by_text("Unsupervised").click()
    assert page.locator("details .direction").first.is_visible()
    page.get_by_role("combobox", name="Model").select_option("gan")
    page.get_by_text("Towards a digit").click()
    manifest = httpx.get(f"{playground.url}/models/gan").json()["manifest"]
    towards = next(one for one in manifest["directions"] if one["name"].startswith("digit_"))
    name, end = towards["name"], towards["range"][1]
    page.get_by_role("slider", name=name.replace("_", " ").capitalize(), exact=True).press("End")
    digit = playground.images("generate", model="gan", seed=4, directions={name: end})
    playground.until_shown("[aria-label=Steered]", digit)


def test_a_way_that_bends_is_shown_and_steered_along(playground: Playground) -> None:
    page = playground.open("#steer?seed=4&model=vae_2d")
    slant = page.get_by_role("slider", name="Slant", exact=True)
    slant.press("Home")
    asked = {"model": "vae_2d", "seed": 4}
    low, high = httpx.get(f"{playground.url}/models/vae_2d").json()["manifest"]["directions"][0]["range"]
    moved = playground.images("generate", **asked, directions={"slant": low})
    assert not np.array_equal(moved, playground.images("generate", **asked))
    playground.until_shown("[aria-label=Steered]", moved)
    amounts = [low + (high - low) * i / 6 for i in range(7)]
    along = [playground.images("generate", **asked, directions={"slant": amount}) for amount in amounts]
    playground.until_shown("[aria-label=Directions] > .direction:first-child canvas", np.concatenate(along))


def test_the_same_seeds_go_through_every_model(playground: Playground) -> None:
    page = playground.open("#compare?seed=12")
    models = {model["title"]: model for model in httpx.get(f"{playground.url}/models").json()["models"]}
    page.locator("article").first.wait_for()
    titles = page.locator("article h3").all_inner_texts()
    assert set(titles) == set(models)
    for i, title in enumerate(titles):
        body = {"model": models[title]["name"], "seed": 12, "n": 10}
        labels = {"labels": [*range(10)]} if models[title]["conditional"] else {}
        playground.until_shown(
            f"article:nth-of-type({i + 1}) canvas", playground.images("generate", **body, **labels)
        )
    distances = [
        float(text)
        for text in page.locator(".facts span:has-text(' real')").evaluate_all(
            "all => all.map(one => one.textContent.split(',')[0])"
        )
    ]
    assert distances == sorted(distances)


def test_a_drawing_is_seen_scored_restored_and_filled_in(playground: Playground) -> None:
    page = playground.open("#score")
    page.get_by_text("Nothing is drawn yet.").wait_for()
    box = page.locator(".pad").bounding_box()
    page.mouse.move(box["x"] + 140, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 220, steps=8)
    page.mouse.up()
    page.get_by_text("Its own samples").wait_for()
    # Each piece of the stroke was asked about; what the last answer shows stays.
    page.locator("[aria-live=polite].view:not([aria-busy])").wait_for()
    page.get_by_label("What the score depends on").wait_for()
    seen = playground.pixels("[aria-label='What the networks saw']")
    assert seen.max() == 255
    assert 20 < (seen > 0).sum() < 400
    page.get_by_label("Filled in").wait_for()
    page.get_by_label("Rub out").scroll_into_view_if_needed()
    rubber = page.get_by_label("Rub out").bounding_box()
    page.mouse.move(rubber["x"] + 60, rubber["y"] + 90)
    page.mouse.down()
    page.mouse.move(rubber["x"] + 110, rubber["y"] + 90, steps=4)
    page.mouse.up()
    page.locator("canvas[aria-label='Filled in']:not([aria-busy])").wait_for()
    filled = playground.pixels("[aria-label='Filled in']").reshape(28, 28)
    rubbed = filled != seen.reshape(28, 28)
    assert rubbed.any()
    assert not rubbed[:10].any()
    assert not rubbed[20:].any()
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Nothing is drawn yet.").wait_for()


def test_a_picture_of_a_digit_is_read_and_the_pen_is_moved_with_keys(playground: Playground) -> None:
    page = playground.open("#score?model=gan")
    drawn = playground.images("generate", seed=8, labels=4)[0]
    large = io.BytesIO()
    Image.fromarray(np.kron(drawn, np.ones((10, 10), np.uint8))).save(large, "PNG")
    page.locator("input[type=file]").set_input_files(
        {"name": "four.png", "mimeType": "image/png", "buffer": large.getvalue()}
    )
    page.get_by_text("GAN: more like").wait_for()
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Nothing is drawn yet.").wait_for()
    page.locator(".pad").first.focus()
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    page.get_by_text("GAN: more like").wait_for()
    page.locator("input[type=file]").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    page.get_by_text("cannot read this file").wait_for()


def test_training_is_told_from_noise_to_digits(playground: Playground) -> None:
    models = httpx.get(f"{playground.url}/models").json()["models"]
    told = [model for model in models if model.get("history")]
    assert told, "no shipped model has the record of its training"
    page = playground.open(f"#learn?model={told[0]['name']}&at=0.001")
    scrubber = page.get_by_label("Step of training")
    frames = httpx.get(f"{playground.url}/models/{told[0]['name']}/history").json()["frames"]
    scrubber.press("Home")
    page.get_by_text(f"step {frames[0]:,}").wait_for()
    first = playground.pixels("[aria-label='Samples at this step']")
    scrubber.press("End")
    page.get_by_text(f"step {frames[-1]:,}").wait_for()
    assert not np.array_equal(first, playground.pixels("[aria-label='Samples at this step']"))
    assert page.locator("figure svg path").count() >= 1
    game = page.get_by_alt_text("The green curve moves")
    game.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('img').naturalWidth === 480")
    untold = [model["name"] for model in models if not model.get("history")]
    if untold:
        page.get_by_role("combobox", name="Model").select_option(untold[0])
        page.get_by_text("without a record of its training").wait_for()


def test_the_python_of_the_developers_panel_does_what_it_says(
    playground: Playground, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    page = playground.open("#sample?n=10&seed=2")
    page.get_by_text("For developers").click()
    code = page.get_by_role("region", name="Python code").inner_text()
    exec(code, {})
    with open("digits.png", "rb") as file:
        assert (
            file.read()
            == playground.ask(
                "generate", n=10, seed=2, labels=[*range(10)], columns=10, scale=4, format="png"
            ).content
        )
    page.get_by_text("images a batch").wait_for()
