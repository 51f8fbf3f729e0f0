"""Settings: names, sources and documentation."""

import pytest
from pydantic import ValidationError

from service.__main__ import main
from service.settings import Settings


def test_the_environment_sets_them_without_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_IMAGES", "7")
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example, https://b.example,")
    settings = Settings()
    assert settings.queue_images == 7
    assert settings.cors_origins == ["https://a.example", "https://b.example"]


def test_an_argument_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    assert Settings(port=2).port == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROVIDER", "tpu"),
        ("PORT", "70000"),
        ("DEADLINE_S", "nan"),
        ("QUEUE_IMAGES", "0"),
        ("ACCESS_LOG", "x"),
    ],
)
def test_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_every_setting_is_documented() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_defaults_are_the_promised_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    settings = Settings()
    assert settings.default_model == "cgan"
    assert settings.json_body_bytes == 1024**2
    assert settings.score_body_bytes == 4 * 1024**2
    assert (settings.score_files, settings.score_file_bytes, settings.score_pixels) == (
        64,
        1024**2,
        4_000_000,
    )
    assert settings.latent_limit == 100
    assert settings.queue_images == 1024
    assert settings.deadline_s == 10
    assert settings.header_bytes == 32 * 1024
    assert settings.log_buffer_bytes == 1024**2
    assert settings.metrics_cache_s == 1
    assert settings.cors_origins == []


@pytest.mark.parametrize("name", ["API_KEYS", "ADMIN_KEYS"])
@pytest.mark.parametrize("value", [",", " ", ",, ,\t"])
def test_a_list_without_a_key_does_not_start_an_open_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["check-models"]) == 2
    assert f"error: {name} (--{name.lower().replace('_', '-')}): " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["API_KEYS", "ADMIN_KEYS"])
def test_an_empty_list_of_keys_means_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Compose passes the variable empty where it is not set."""
    monkeypatch.setenv(name, "")
    assert getattr(Settings(), name.lower()) == []


def test_stray_commas_between_keys_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", f",{'a' * 16}, ,{'b' * 16},")
    assert [key.get_secret_value() for key in Settings().api_keys] == ["a" * 16, "b" * 16]
