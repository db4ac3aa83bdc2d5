"""Tests of the code's shape: layers, house style, one place for each fact."""
