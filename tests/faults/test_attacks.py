"""The attacks' payloads are what they claim to be, and the runner measures an attack to its end."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from benchmarks.faults.attacks import bundles, connection, files, others, runner
from benchmarks.faults.attacks.bodies import near_boundaries
from benchmarks.faults.attacks.rows import ROWS, chosen
from benchmarks.faults.mutations import read_manifest
from benchmarks.faults.process import ENVIRONMENT, SHIPPED
from benchmarks.faults.usage import children_cpu_s, cpu_s, rss_mb
from benchmarks.faults.wire import Connection
from service.settings import Settings
from tests.faults.test_adversary import stub_service
from tests.service.bundles import write_bundle

LIMITS = Settings.model_fields


def test_every_attack_has_a_row() -> None:
    assert {row.number for row in ROWS} == set(range(1, 15))
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert [row.name for row in chosen(["3", "upgrades"])] == ["bitmaps", "upgrades"]
    with pytest.raises(ValueError, match="no such attack: 15"):
        chosen(["15"])


def test_attacks_meet_the_settings_that_are_shipped() -> None:
    assert SHIPPED.keys() == ENVIRONMENT.keys() - {"PROVIDER"}
    for name, value in SHIPPED.items():
        default = LIMITS[name.lower()].default
        assert type(default)(value == "true" if isinstance(default, bool) else value) == default


def test_the_bitmap_has_122_bytes_and_four_million_pixels() -> None:
    assert len(files.rle_bitmap()) == 122
    with Image.open(io.BytesIO(files.rle_bitmap())) as opened:
        assert (opened.format, opened.size) == ("BMP", (4_000_000, 1))


def test_the_jpeg_is_an_mpo_of_many_scans() -> None:
    data = files.jpeg_of_scans(50_000)
    assert 45_000 < len(data) <= 50_000
    assert data.count(b"\xff\xda") > 500
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.format == "MPO"
        assert opened.width * opened.height <= LIMITS["score_pixels"].default


def test_the_mask_fits_into_an_upload() -> None:
    data = files.png_of_profiles()
    assert data.count(b"iCCP") == 900
    assert len(data) <= LIMITS["score_file_bytes"].default


@pytest.mark.parametrize("make", [files.png_of_tags, files.jpeg_of_tags, files.webp_of_tags])
def test_a_file_of_tags_makes_pillow_warn_of_each(make: Callable[[], bytes]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with Image.open(io.BytesIO(make())) as opened:
            opened.getexif()
    assert len(caught) >= 60_000
    assert len(make()) <= LIMITS["score_file_bytes"].default


def test_oversized_headers_are_all_different() -> None:
    assert len({files.oversized_png(number) for number in range(10_000)}) == 10_000


def test_a_query_of_names_fits_into_the_header_limit() -> None:
    data = connection.many_names("/generate")
    assert 30_000 < len(data) <= LIMITS["header_bytes"].default
    names = data.split(b" ")[1].partition(b"?")[2].split(b"&")
    assert len(set(names)) == len(names) > 8_000


def test_near_boundaries_fill_a_body() -> None:
    assert 4_190_000 < len(near_boundaries()) < LIMITS["score_body_bytes"].default


def test_the_endless_bundle_is_valid_but_for_its_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "TRIPS", 3)
    good = write_bundle(tmp_path, "tiny", conditional=True)
    bad = bundles.add_endless_version(good)
    entry = read_manifest(bad)["roles"]["generator"]
    assert entry["bytes"] == (bad / entry["file"]).stat().st_size
    onnx.checker.check_model(onnx.load(bad / entry["file"]))
    images = []
    for folder in (good, bad):
        session = onnxruntime.InferenceSession(folder / entry["file"], providers=["CPUExecutionProvider"])
        feeds = {
            given.name: np.zeros([2, *given.shape[1:]], np.float32 if given.name == "z" else np.int64)
            for given in session.get_inputs()
        }
        images.append(session.run(None, feeds)[0])
    assert np.array_equal(*images)


@pytest.mark.anyio
async def test_the_other_clients_count_answers_and_losses(tmp_path: Path) -> None:
    with stub_service(tmp_path) as (service, _):
        result = await others.measure(service.port, 0.5)
        assert result.sent >= 15
        assert result.share == 100
        pid = service.process.pid
        assert 0 < cpu_s(pid) < 60
        assert rss_mb(pid) > 1
        service.process.kill()
        service.process.wait()
        assert cpu_s(pid) == children_cpu_s(pid) == 0
        lost = await others.measure(service.port, 0.2)
    assert lost.share == 0
    assert lost.p99_ms == 1000 * others.TIMEOUT_S
    assert lost.failed


@pytest.mark.anyio
async def test_a_client_has_the_address_that_it_names(tmp_path: Path) -> None:
    with stub_service(tmp_path) as (service, _):
        one = await Connection.to(service.port, "127.0.0.9")
        assert one.writer.get_extra_info("sockname")[0] == "127.0.0.9"
        one.close()


@pytest.mark.anyio
async def test_an_attack_is_measured_to_its_end(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WARM_S", "ALONE_S", "ATTACK_S", "SETTLE_S", "BEFORE_SIGTERM_S"):
        monkeypatch.setattr(runner, name, 0.3)
    (row,) = chosen(["trailers"])
    finding = await runner.run(row, 1, models_dir)
    names = [figure.name for figure in finding.figures]
    assert names == ["others answered 200", "their p99", "memory", "SIGTERM to exit"]
    assert "connections" in finding.tried
