"""Migration 0018 on both engines: accounts stay as they were; what would open again is not taken back."""

from __future__ import annotations

import warnings

import pytest
import sqlalchemy as sa
from alembic import command

from carbon_platform.migrate import alembic_config

AT = "2026-11-01 00:00:00+00:00"
PERSON = (
    "INSERT INTO person (id, openid, nickname, region_code, holder, opened_at) "
    "VALUES (:id, :openid, '小满', '411502', :holder, :at)"
)
GUARDIAN = (
    "INSERT INTO consent (person_id, partner, purpose, text_version, channel, given_at) "
    "VALUES (2, 'platform', 'guardian', '2026-11', 'h5', :at)"
)


def test_accounts_of_before_stay_open_and_a_childs_is_known(database_url: str) -> None:
    config = alembic_config(database_url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        command.upgrade(config, "0017")
        engine = sa.create_engine(database_url)
        with engine.begin() as connection:
            for number in (1, 2):
                values = {"id": number, "openid": f"o{number}", "holder": f"person-{number}", "at": AT}
                connection.execute(sa.text(PERSON), values)
            connection.execute(sa.text(GUARDIAN), {"at": AT})
        command.upgrade(config, "0018")
        with engine.begin() as connection:
            rows = connection.execute(
                sa.text("SELECT id, state, via, under_14, merged_into_id FROM person ORDER BY id")
            ).all()
            assert [tuple(row) for row in rows] == [
                (1, "open", "wechat", False, None), (2, "open", "wechat", True, None),
            ]  # fmt: skip
            connection.execute(sa.text("UPDATE person SET state = 'deleted' WHERE id = 1"))
        with pytest.raises(RuntimeError, match="1 accounts"):
            command.downgrade(config, "0017")
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE person SET state = 'open'"))
        command.downgrade(config, "0017")
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM person")).scalar_one() == 2
        assert "state" not in {column["name"] for column in sa.inspect(connection).get_columns("person")}
    engine.dispose()
