"""Comparisons with other systems; see README.md."""
