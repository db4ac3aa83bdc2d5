"""Rewriting of modules: each pass is one file, and asks an operation's row what it may assume."""
