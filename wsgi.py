"""Entry point of every server: ``gunicorn wsgi:app``, ``flask --app wsgi …``."""

from carbon_platform.app import serving_app

app = serving_app()
