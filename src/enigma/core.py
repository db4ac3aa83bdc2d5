"""`enigma.core`: the layout algebra under the name that existing kernels import it by."""

from enigma.layout import *  # noqa: F403 - a re-export of all of it
from enigma.layout import __all__ as __all__
