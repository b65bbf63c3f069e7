"""Rosters for tests: rows by column name, written as Excel would save them."""

import csv
import io
from itertools import count
from typing import Any

from api.firstrun.table import COLUMNS
from manifest import wording
from manifest.text import tax_code_of

NAMES = tuple(column.name for column in COLUMNS)
_SERIALS = count(20_000_000, 10)


def tax_code() -> str:
    """Return a tax code that no other test has used."""
    while (code := tax_code_of(next(_SERIALS))) is None:
        pass
    return code


def zone(**changed: Any) -> dict[str, str]:
    row = {"line": "zone", "ref": "kcn-thang-long", "name": "KCN Thăng Long", "zone_kind": "park"}
    return row | {"counts_for_t1": "có", "district": "017", "commune": "00493"} | changed


def organisation(code: str, **changed: Any) -> dict[str, str]:
    row = {"line": "organisation", "name": "Công ty TNHH Mạ Điện Sông Đáy", "roles": "generator"}
    return row | {"identifier": code, "address": "Lô A1, Hà Nội", "phone": "024 0000 0001"} | changed


def site(owner: str, **changed: Any) -> dict[str, str]:
    row = {"line": "site", "name": "Nhà máy số 1", "organisation": owner, "site_kind": "factory"}
    row |= {"zone_kind": "park", "zone": "kcn-thang-long", "district": "017", "commune": "00493"}
    return row | {"province": "Thành phố Hà Nội", "address": "Lô A1, KCN Thăng Long"} | changed


def roster(
    *rows: dict[str, str],
    delimiter: str = ",",
    encoding: str = "utf-8",
    names: tuple[str, ...] = NAMES,
    spoken: bool = False,
) -> bytes:
    """Return a roster file; with ``spoken`` headings are in Vietnamese."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow([wording.label("roster_column", name, "vi") if spoken else name for name in names])
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    return text.getvalue().encode(encoding)
