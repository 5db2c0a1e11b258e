"""Packages of the distribution; everything else is in pyproject.toml.

The cases in ``inputs/`` go into the wheel as ``portfolio/shipped``. A package found in one folder and installed under
another name cannot be said in pyproject.toml without listing every other package by hand.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["portfolio*", "models*"]), "portfolio.shipped"],
    package_dir={"portfolio.shipped": "inputs"},
)
