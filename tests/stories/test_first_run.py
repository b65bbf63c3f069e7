"""The first real run over TCP: from an empty folder to the day on which the electronic record leads."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from api.home import Home, open_home, wall_clock
from api.settings import Settings
from manifest.vocabulary import local_date
from tests.api.firstrun.rosters import organisation, roster, site, tax_code, zone
from tests.api.homes import Furnished, run, settings_of
from tests.api.test_problems import problem
from tests.conftest import POSTGRES
from tests.pdf.test_draw import one_line, text_of
from tests.stories.conftest import PATIENCE_S, Served, _free_port

ROOT = Path(__file__).parents[2]
SO, SO_CODE = "Sở Nông nghiệp và Môi trường Hà Nội (giả định)", "0100000028"
PASSWORD = "có-công-mài-sắt"


class FirstRun:
    """An operator with an empty folder: the command line beside a server that does not run yet."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings

    def ctnh(self, *arguments: str | Path, code: int = 0) -> str:
        """Run a command as the operator does, in a process of its own."""
        given = {f"CTNH_{name.upper()}": str(value) for name, value in self.settings.model_dump().items()}
        done = subprocess.run(
            [sys.executable, "-c", "from api.cli.app import main; main()", *map(str, arguments)],
            env={**os.environ, **given},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[Served]:
        """Serve what was made."""
        home: Home = open_home(self.settings)
        with httpx.Client(base_url=f"http://127.0.0.1:{self.settings.port}", timeout=PATIENCE_S) as client:
            served = Served(client, Furnished(home), settings=self.settings)
            served.begin()
            try:
                yield served
                served.audit()
            finally:
                assert served.end(signal.SIGTERM) == 0
                home.close()


@pytest.fixture(params=["sqlite", POSTGRES])
def first_run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FirstRun]:
    port = _free_port()
    public = {"port": port, "public_url": f"http://127.0.0.1:{port}", "operator": "Đơn vị vận hành Hà Nội"}
    if request.param == "sqlite":
        yield FirstRun(tmp_path, settings_of(tmp_path, str(tmp_path / "ctnh.db"), **public))
        return
    server = request.getfixturevalue("postgres_server")
    name = f"ctnh_first_{uuid4().hex}"
    run(server, f"CREATE DATABASE {name}")
    url = server.set(database=name).render_as_string(hide_password=False)
    yield FirstRun(tmp_path, settings_of(tmp_path, url, **public))
    run(server, f"DROP DATABASE {name} WITH (FORCE)")


def letter_of(folder: Path, party: str) -> tuple[str, str]:
    """Read organisation and code from a printed letter, as whoever opens it does."""
    text = one_line(text_of((folder / f"{party.replace(':', '-')}.pdf").read_bytes()))
    code = re.search(r"Mã dùng một lần: ([0-9A-Z]{5}(?:-[0-9A-Z]{5}){3})", text)
    named = re.search(r"Mã tổ chức: (\S+)", text)
    assert code is not None
    assert named is not None
    return named[1], code[1]


def redeem(served: Served, folder: Path, party: str, login: str) -> str:
    """Take up an account on the page to which the letter leads, and log in; return the session's token."""
    named, code = letter_of(folder, party)
    form = {"organisation": named, "code": code, "name": "Trần Thị Mai", "login": login}
    form |= {"password": PASSWORD, "again": PASSWORD}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert 'name="code"' in served.client.get("/invitation", params={"o": named}).text
    done = served.client.post("/invitation", content=urlencode(form), headers=headers)
    assert done.status_code == 200, done.text
    assert served.client.post("/invitation", content=urlencode(form), headers=headers).status_code == 403
    session = served.did(served.post(None, "/sessions", {"login": login, "password": PASSWORD}))
    return str(session["token"])


def states(served: Served, token: str) -> dict[str, Any]:
    """Return the state of each step, as the authority sees it."""
    told = served.did(served.get(token, "/first-run"), 200)
    return {one["step"]: one["state"] for one in told["steps"]} | {"complete": told["complete"]}


@pytest.mark.poppler
def test_from_an_empty_folder_to_the_day_on_which_the_electronic_record_leads(first_run: FirstRun) -> None:
    letters = first_run.folder / "letters"
    generator, facility, slow = tax_code(), tax_code(), tax_code()
    told = first_run.ctnh("init", "--operator-key", "first", "--authority", SO, "--authority-code", SO_CODE)
    assert "[việc tiếp theo] Sở hoặc Ban quản lý khu" in told
    operator = re.search(r"ctnh_[\w-]+", told)
    assert operator is not None

    table = first_run.folder / "danh-sach.csv"
    rows = [
        zone(),
        organisation(generator, name="Công ty TNHH Cơ khí Ngọc Lũ Xanh"),
        organisation(facility, name="Công ty Xử lý Ba Vì Sạch", roles="treatment_facility | chủ nguồn thải"),
        organisation(slow, name="Xưởng mạ chưa trả lời"),
        site(generator),
        site(facility, site_kind="treatment"),
    ]
    table.write_bytes(roster(*rows[:1], rows[1] | {"identifier": "0100000011"}, spoken=True))
    refused = first_run.ctnh("roster", "import", table, code=1)
    assert "dòng 3, cột Mã số thuế" in refused
    table.write_bytes(roster(*rows, encoding="utf-8-sig", delimiter=";", spoken=True))
    assert "6 dòng đã nhập" in first_run.ctnh("roster", "import", table)
    assert "0 dòng đã nhập, 6 dòng đã có" in first_run.ctnh("roster", "import", table)
    assert "4 thư" in first_run.ctnh("roster", "letters", "--out", letters)
    today = local_date(wall_clock())
    first_run.ctnh("init", "--leading-from", (today + timedelta(days=30)).isoformat())

    with first_run.serving() as served:
        page = served.client.get("/first-run").text
        assert "Chạy song song: chứng từ giấy là bản chính" in page
        assert "việc tiếp theo" in page
        assert "Ngọc Lũ" not in page, "figures and no names"

        so = redeem(served, letters, f"org:{SO_CODE}", "so-nnmt")
        assert states(served, so)["authority"] == "done"
        owner = redeem(served, letters, f"org:{generator}", "ngoc-lu")
        treats = redeem(served, letters, f"org:{facility}", "ba-vi")
        lot = {
            "site": f"site:{generator}", "code": "17 02 03", "state": "liquid", "mass_g": 250_000,
            "generated_on": (today - timedelta(days=90)).isoformat(), "opening": True,
        }  # fmt: skip
        problem(served.post(owner, "/lots", lot), 403, "manifest.party_not_admitted")
        assert states(served, so)["admission"] == "next"

        for party in (generator, facility):
            served.did(served.post(so, f"/organisations/org:{party}/admission"))
        (shown,) = [
            one
            for one in served.did(served.get(so, "/organisations"), 200)["items"]
            if one["party"] == f"org:{generator}"
        ]
        assert (shown["status"], shown["confirmed_by"]["authority"]) == ("confirmed", f"org:{SO_CODE}")
        assert served.did(served.post(owner, "/lots", lot))["kind"] == "generation.opening_declared.v1"
        assert served.get(treats, "/me").json()["roles"] != []
        problem(served.get(owner, "/first-run"), 403, "api.authority_only")
        told_now = states(served, so)
        assert set(told_now.values()) == {"done", False}, told_now

    first_run.ctnh("init", "--leading-from", today.isoformat())
    status = first_run.ctnh("first-run")
    assert "Đã hoàn thành việc đưa vào sử dụng." in status
    assert f"Chứng từ điện tử là bản chính từ ngày {today:%d/%m/%Y}." in status
    with first_run.serving() as served:
        assert served.client.get("/first-run").status_code == 404
        seen = served.client.get("/first-run", headers={"Authorization": f"Bearer {operator[0]}"})
        assert (seen.status_code, "Chứng từ điện tử là bản chính" in seen.text) == (200, True)
        assert states(served, operator[0])["complete"] is True
