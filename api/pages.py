"""Pages that people see: one plain frame in Vietnamese, no scripts and nothing from elsewhere."""

import hashlib
from base64 import b64encode
from html import escape

from fastapi.responses import HTMLResponse

_STYLE = """
body{font:1.05rem/1.5 sans-serif;max-width:46rem;margin:0 auto;padding:1rem;color:#111;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.05rem;margin-top:1.6rem}label{display:block;margin:.8rem 0 .2rem}
input{font:inherit;padding:.5rem;width:100%;max-width:28rem;box-sizing:border-box}
button{font:inherit;padding:.6rem 1.4rem;margin-top:1rem}
.problem{border-left:.3rem solid #a00;padding:.2rem .8rem}
code{overflow-wrap:anywhere}li{margin:.6rem 0}
"""
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_PAGE = """<!doctype html><html lang="vi"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>{style}</style></head><body><main><h1>{title}</h1>{content}</main></body></html>"""


def page(title: str, content: str, status: int = 200) -> HTMLResponse:
    """Return a page; ``title`` is text, ``content`` is HTML whose texts are escaped already."""
    return HTMLResponse(
        _PAGE.format(title=escape(title), style=_STYLE, content=content),
        status_code=status,
        headers={"Content-Security-Policy": _POLICY},
    )


def paragraphs(*lines: str) -> str:
    """Return texts as paragraphs."""
    return "".join(f"<p>{escape(line)}</p>" for line in lines)
