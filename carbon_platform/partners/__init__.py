"""Data partners: signed intake of acts, reconciliation, quality, suspension, take-over of accounts."""
