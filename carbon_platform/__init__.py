"""Carbon platform of Xinyang (信阳碳): one ledger from the parcel to the citizen."""
