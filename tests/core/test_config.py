"""A production start with a development part left in is refused, naming every part."""

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
}


def test_safe_production_settings_are_accepted() -> None:
    assert not load_settings(SAFE).is_demo


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
    ],
)
def test_each_unsafe_part_refuses_the_start(change: dict[str, str], named: str) -> None:
    with pytest.raises(UnsafeSettings, match=named):
        load_settings(SAFE | change)


def test_every_wrong_part_is_named_at_once() -> None:
    with pytest.raises(UnsafeSettings) as caught:
        load_settings({"CARBON_MODE": "production"})
    for name in ("CARBON_SECRET", "WECHAT_MODE", "CARBON_DATABASE_URL", "CARBON_BASE_URL"):
        assert name in str(caught.value)
