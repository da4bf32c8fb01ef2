"""Console (网页): pages rendered by the server; every action goes through the API."""

from flask import Flask

from carbon_platform.console.formats import FILTERS


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(FILTERS)
