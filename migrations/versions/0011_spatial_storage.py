"""Where PostGIS is in the database: parcels as a generated geometry, for tiles and for map programs.

Elsewhere nothing changes; ``flask db spatial`` does the same later, when the extension has come.
"""

from __future__ import annotations

from alembic import op

from carbon_platform.parcels.spatial import add_column, drop_column

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    add_column(op.get_bind())


def downgrade() -> None:
    drop_column(op.get_bind())
