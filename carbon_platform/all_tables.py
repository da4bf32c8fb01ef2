"""Every table of the platform in one metadata: importing this module imports them all."""

import carbon_platform.citizens.inbox_tables
import carbon_platform.citizens.points_tables
import carbon_platform.citizens.privacy_tables
import carbon_platform.citizens.scene_tables
import carbon_platform.citizens.tables
import carbon_platform.citizens.truth_tables
import carbon_platform.credits.adoption_tables
import carbon_platform.credits.land_change_tables
import carbon_platform.credits.registry_tables
import carbon_platform.credits.tables
import carbon_platform.credits.uncertainty_tables
import carbon_platform.groups.tables
import carbon_platform.identity.tables
import carbon_platform.inclusion.tables
import carbon_platform.ledger.tables
import carbon_platform.market.tables
import carbon_platform.merchants.tables
import carbon_platform.parcels.evidence_tables
import carbon_platform.parcels.export_tables
import carbon_platform.parcels.history_tables
import carbon_platform.parcels.outside_claims_tables
import carbon_platform.parcels.tables
import carbon_platform.partners.tables
import carbon_platform.projects.tables
import carbon_platform.proxies.tables
import carbon_platform.regions.tables
import carbon_platform.registry.tables
import carbon_platform.revenue.tables
import carbon_platform.scheduling
import carbon_platform.web.idempotency  # noqa: F401 — imported for their tables
from carbon_platform.db import Base

metadata = Base.metadata
