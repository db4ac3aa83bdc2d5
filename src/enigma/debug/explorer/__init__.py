"""The stage explorer: every stage of a kernel side by side in one HTML file, the same operation linked through all of them."""

from enigma.debug.explorer.notebook import compiled_html, jit_html, kernel_html
from enigma.debug.explorer.write import explore

__all__ = ["compiled_html", "explore", "jit_html", "kernel_html"]
