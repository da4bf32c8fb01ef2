"""A production start with a development part left in is refused, naming every part."""

from pathlib import Path

import pytest

from carbon_platform.config import UnsafeSettings, load_settings

SAFE = {
    "CARBON_MODE": "production",
    "CARBON_SECRET": "x" * 40,
    "CARBON_DATABASE_URL": "postgresql+psycopg://carbon@db/carbon",
    "CARBON_BASE_URL": "https://carbon.example",
    "WECHAT_MODE": "live",
    "WECHAT_APP_ID": "wx1",
    "WECHAT_APP_SECRET": "s",
    "CARBON_SMS_MODE": "off",
}


def safe(key_file: Path) -> dict[str, str]:
    names = ("CARBON_SEAL_KEY_FILE", "CARBON_CODE_KEY_FILE", "CARBON_DATA_KEY_FILE")
    return SAFE | dict.fromkeys(names, str(key_file))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key.pem"
    file.touch(mode=0o640)
    return file


def test_safe_production_settings_are_accepted(key_file: Path) -> None:
    settings = load_settings(safe(key_file))
    assert not settings.is_demo
    assert settings.seal_key_path == key_file


def test_a_signing_key_everybody_may_read_refuses_the_start(key_file: Path) -> None:
    key_file.chmod(0o644)
    with pytest.raises(UnsafeSettings, match="chmod"):
        load_settings(safe(key_file))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"CARBON_SECRET": ""}, "CARBON_SECRET"),
        ({"CARBON_SECRET": "short"}, "CARBON_SECRET"),
        ({"CARBON_DATABASE_URL": "sqlite:///x"}, "CARBON_DATABASE_URL"),
        ({"WECHAT_MODE": "mock"}, "WECHAT_MODE"),
        ({"WECHAT_APP_SECRET": ""}, "WECHAT_APP_SECRET"),
        ({"CARBON_BASE_URL": "http://carbon.example"}, "CARBON_BASE_URL"),
        ({"CARBON_MODE": "prod"}, "CARBON_MODE"),
        ({"CARBON_SEAL_KEY_FILE": ""}, "CARBON_SEAL_KEY_FILE"),
        ({"CARBON_SEAL_KEY_FILE": "/nowhere/key.pem"}, "CARBON_SEAL_KEY_FILE"),
        ({"CARBON_SEAL_OLD_KEYS": "abc"}, "CARBON_SEAL_OLD_KEYS"),
        ({"CARBON_CODE_KEY_FILE": ""}, "CARBON_CODE_KEY_FILE"),
        ({"CARBON_CODE_KEY_FILE": "/nowhere/key.pem"}, "CARBON_CODE_KEY_FILE"),
        ({"CARBON_CODE_OLD_KEYS": "abc"}, "CARBON_CODE_OLD_KEYS"),
        ({"CARBON_DATA_KEY_FILE": ""}, "CARBON_DATA_KEY_FILE"),
        ({"CARBON_DATA_KEY_FILE": "/nowhere/keys.toml"}, "CARBON_DATA_KEY_FILE"),
        ({"CARBON_SMS_MODE": "mock"}, "CARBON_SMS_MODE"),
        ({"CARBON_SMS_MODE": "pigeon"}, "CARBON_SMS_MODE"),
        ({"CARBON_SMS_MODE": "live", "CARBON_SMS_URL": "http://sms"}, "CARBON_SMS_URL"),
        ({"CARBON_SMS_MODE": "live", "CARBON_SMS_URL": "https://sms"}, "CARBON_SMS_SECRET"),
        ({"CARBON_MAP_BASE": "google"}, "CARBON_MAP_BASE"),
        ({"CARBON_MAP_BASE": "tianditu-vec"}, "CARBON_TIANDITU_KEY"),
        ({"CARBON_MAP_BASE": "tianditu-vec", "CARBON_TIANDITU_KEY": "a b"}, "CARBON_TIANDITU_KEY"),
        ({"CARBON_MAP_BASE": "tianditu-img", "CARBON_TIANDITU_KEY": "k" * 32}, "CARBON_MAP_REVIEW_NUMBER"),
    ],
)
def test_each_unsafe_part_refuses_the_start(change: dict[str, str], named: str, key_file: Path) -> None:
    with pytest.raises(UnsafeSettings, match=named) as caught:
        load_settings(safe(key_file) | change)
    assert str(caught.value).count("CARBON_SEAL_KEY_FILE") == (named == "CARBON_SEAL_KEY_FILE")


def test_every_wrong_part_is_named_at_once() -> None:
    with pytest.raises(UnsafeSettings) as caught:
        load_settings({"CARBON_MODE": "production"})
    for name in ("CARBON_SECRET", "WECHAT_MODE", "CARBON_DATABASE_URL", "CARBON_BASE_URL", "CARBON_SEAL_KEY"):
        assert name in str(caught.value)
