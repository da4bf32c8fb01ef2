"""Projects (项目): which parcels, under which methodology, monitored with which data."""
