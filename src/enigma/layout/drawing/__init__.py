"""Seeing layouts: grids of offsets, of threads and values, and of shared-memory banks, in a terminal, SVG and HTML.

>>> import enigma
>>> enigma.draw(enigma.make_layout((2, 4), (4, 1)))
<Drawing of (2,4):(4,1)>
"""

from enigma.layout.drawing.api import Drawing, draw, draw_tv, notebook, show

__all__ = ["Drawing", "draw", "draw_tv", "notebook", "show"]
