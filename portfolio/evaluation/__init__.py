"""Measures of a portfolio."""
