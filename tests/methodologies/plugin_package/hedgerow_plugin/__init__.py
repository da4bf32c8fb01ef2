"""A package that brings its own methodology."""
