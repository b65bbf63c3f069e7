"""The page that a document's QR code leads to: what the ledger says of it, on a phone, without login.

No personal data and no names of companies: number, state, and the hashes of the PDFs that were issued.
"""

from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.deps import TheHome
from api.pages import page, paragraphs
from ledger.publishing.publisher import last_checkpoint
from ledger.storage.db import reading
from ledger.storage.store import one, rows
from manifest import wording
from manifest.views import MANIFEST, PDF

router = APIRouter(tags=["public"])


@router.get(
    "/v/{manifest}", response_class=HTMLResponse, responses={404: {"description": "no such manifest"}}
)
def verdict(manifest: str, home: TheHome) -> HTMLResponse:
    """Tell what the ledger says of the manifest that a document names."""
    log = home.ledger.log
    with reading(home.engine) as reader:
        row = one(reader, MANIFEST, log=log, manifest=manifest)
        documents = rows(reader, PDF, log=log, manifest=manifest)
        head = last_checkpoint(reader, log)
    if row is None:
        title = wording.text("verdict_unknown", {}, "vi")
        return page(title, "", 404)
    said = [
        wording.text("verdict_status", {"status": row["status"]}, "vi"),
        wording.text("verdict_size", {"size": head[0] if head else 0}, "vi"),
        wording.text("verdict_documents", {"count": len(documents)}, "vi"),
    ]
    listed = "".join(f"<li><code>{_breakable(document['sha256'])}</code></li>" for document in documents)
    title = wording.text("verdict_title", {"number": row["number"]}, "vi")
    return page(title, f"{paragraphs(*said)}<ul>{listed}</ul>")


def _breakable(digest: str) -> str:
    # A phone is narrower than 64 characters; what is copied from the page is the digest alone.
    return "<wbr>".join(escape(digest[at : at + 8]) for at in range(0, len(digest), 8))
