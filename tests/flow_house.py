"""A small running platform, shared by the flow tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx
from flask import Flask

from carbon_platform.db import Database
from carbon_platform.web import platform
from demo.story import Plan

SMALL = Plan(camellia={"411522": 40, "411523": 34}, rice={"411522": 31})


@dataclass
class House:
    """A running platform with everybody signed up, on one engine."""

    app: Flask
    http: httpx.Client
    folder: Path

    @property
    def db(self) -> Database:
        return platform(self.app).db
