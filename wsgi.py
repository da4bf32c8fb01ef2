"""Entry point of every server: ``gunicorn wsgi:app``, ``flask --app wsgi …``."""

from carbon_platform.app import create_app

app = create_app()
