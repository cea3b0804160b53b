"""QR codes as inline SVG.

Owns: their size and their quiet zone. The only home of ``segno``.
"""

from __future__ import annotations

import segno
from markupsafe import Markup

_PIXELS = 6  # of one module
_QUIET = 4  # modules around it, as ISO/IEC 18004 asks for


def qr_svg(text: str) -> Markup:
    """That text as a picture, dark on white whatever the page's colours are."""
    drawn = segno.make(text, error="m", micro=False)
    return Markup(  # noqa: S704  drawn by the library of modules only; the text is not in it
        drawn.svg_inline(
            scale=_PIXELS, border=_QUIET, dark="#000", light="#fff", omitsize=True, svgclass="qr"
        )
    )
