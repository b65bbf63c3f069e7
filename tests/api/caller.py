"""Calling the application as a party, in process or over TCP; the verbs of the main job by name."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import httpx

from api.main import create_app
from ledger.storage.db import reading
from ledger.storage.store import HEAD, one
from manifest.vocabulary import local_date
from tests.api.homes import CARRIER, CODE, FACILITY, GENERATOR, PLATE, Furnished

API = "/api/v1"
Answer = httpx.Response


class InProcess(httpx.BaseTransport):
    """ASGI behind a plain client: the loop lives as long as the client."""

    def __init__(self, app: Any) -> None:
        self._runner = asyncio.Runner()
        self.asgi = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._runner.run(self._answer(request))

    def together(self, requests: list[httpx.Request]) -> list[httpx.Response]:
        """Answer requests that come in at the same moment."""

        async def all_of_them() -> list[httpx.Response]:
            return list(await asyncio.gather(*map(self._answer, requests)))

        return self._runner.run(all_of_them())

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        content = request.read()
        again = httpx.Request(request.method, request.url, headers=request.headers, content=content)
        answer = await self.asgi.handle_async_request(again)
        raw = b"".join([part async for part in answer.aiter_raw()])  # as sent: the client unpacks it
        return httpx.Response(answer.status_code, headers=answer.headers, content=raw)

    def close(self) -> None:
        self._runner.close()


@dataclass
class Caller:
    """A client that speaks as a party; `as_` names it, the verbs return the answer."""

    client: httpx.Client
    furnished: Furnished
    transport: httpx.BaseTransport | None = None

    @classmethod
    @contextmanager
    def of(cls, furnished: Furnished) -> Iterator[Self]:
        """Yield a caller of an application in process."""
        transport = InProcess(create_app(furnished.home))
        with httpx.Client(transport=transport, base_url="http://ledger.test") as client:
            yield cls(client, furnished, transport)

    def get(self, party: str | None, path: str, **options: Any) -> Answer:
        """Get a path below the API as a party, or as nobody."""
        return self.call("GET", party, path, **options)

    def post(self, party: str | None, path: str, body: Any = None, **options: Any) -> Answer:
        """Post a JSON body as a party, or as nobody."""
        return self.call("POST", party, path, json={} if body is None else body, **options)

    def call(self, method: str, party: str | None, path: str, **options: Any) -> Answer:
        """Call as a party, or as nobody; a token may stand in a party's place."""
        headers = dict(options.pop("headers", {}))
        if party is not None:
            key = self.furnished.keys.get(party, party)
            headers["Authorization"] = f"Bearer {key}"
        return self.client.request(method, API + path, headers=headers, **options)

    def post_together(self, party: str, path: str, bodies: list[Any]) -> list[Answer]:
        """Post several bodies at the same moment, in process."""
        headers = self.furnished.bearer(party)
        requests = [
            self.client.build_request("POST", API + path, json=body, headers=headers) for body in bodies
        ]
        assert isinstance(self.transport, InProcess)
        return self.transport.together(requests)

    def did(self, answer: Answer, status: int = 201) -> dict[str, Any]:
        """Return the body of an answer that must have this status."""
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
        body: dict[str, Any] = answer.json()
        return body

    @property
    def size(self) -> int:
        """How many entries the log has."""
        home = self.furnished.home
        with reading(home.engine) as reader:
            head = one(reader, HEAD, log=home.ledger.log)
        assert head is not None
        return int(head["size"])

    @property
    def today(self) -> str:
        """The date in Viet Nam."""
        return local_date(self.furnished.home.clock()).isoformat()

    def lot(self, mass_g: int = 500_000, party: str = GENERATOR, **changed: Any) -> str:
        """Declare a lot and return its id."""
        today = self.today
        body = {
            "site": f"site:{party[4:]}",
            "code": CODE,
            "state": "liquid",
            "mass_g": mass_g,
            "generated_on": today,
        }
        return str(self.did(self.post(party, "/lots", body | changed))["lot"])

    def registration(self, mass_g: int = 500_000, **changed: Any) -> dict[str, Any]:
        """Return the body of a registration, its number left to the server."""
        line = {
            "line": 1,
            "code": CODE,
            "name": "Dầu bôi trơn tổng hợp thải",
            "state": "liquid",
            "mass_g": mass_g,
            "planned_methods": ["TC"],
            "containers": "2 phuy 200 L",
            "lots": [{"lot": self.lot(mass_g), "mass_g": mass_g}],
        }
        body = {
            "site": "site:generator",
            "facility": FACILITY,
            "facility_site": "site:facility",
            "permit": "permit:facility",
            "carriers": [
                {"party": CARRIER, "permit": "permit:carrier", "approval": "approval:carrier:facility"}
            ],
            "lines": [line],
        }
        return body | changed

    def register(self, mass_g: int = 500_000, **changed: Any) -> str:
        """Register a manifest and return its id."""
        body = self.registration(mass_g, **changed)
        return str(self.did(self.post(GENERATOR, "/manifests", body))["manifest"])

    def hand_over(self, manifest: str, giver: str = GENERATOR, taker: str = CARRIER) -> dict[str, Any]:
        """Hand a load over, signed by both."""
        asked = {"taker": taker, "vehicle_plate": PLATE}
        part = self.did(self.post(giver, f"/manifests/{manifest}/handovers", asked), 200)
        return self.did(self.post(taker, "/acts/countersign", part))

    def facility(self, manifest: str, act: str, **body: Any) -> dict[str, Any]:
        """Have the facility act."""
        return self.did(self.post(FACILITY, f"/manifests/{manifest}/{act}", body))

    def arrive(self, manifest: str) -> None:
        """Bring the load to the gate."""
        self.facility(manifest, "arrival", vehicle_plate=PLATE)

    def weigh(self, manifest: str, net_g: int) -> None:
        """Weigh line 1."""
        lines = [{"line": 1, "net_g": net_g, "ticket": "PC-1"}]
        self.facility(manifest, "weighing", instrument="Cân 60 tấn", lines=lines)

    def accept(self, manifest: str, accepted_g: int, refused_g: int = 0) -> None:
        """Accept line 1, in part where something is refused."""
        one_line: dict[str, Any] = {"line": 1, "accepted_g": accepted_g, "refused_g": refused_g}
        if refused_g:
            one_line["reason"] = "Lẫn nước"
        self.facility(manifest, "reception", lines=[one_line])

    def give_back(self, manifest: str) -> None:
        """Return what was refused, signed by carrier and generator."""
        asked = {"vehicle_plate": PLATE}
        part = self.did(self.post(CARRIER, f"/manifests/{manifest}/return", asked), 200)
        self.did(self.post(GENERATOR, "/acts/countersign", part))

    def treat(self, manifest: str, mass_g: int, methods: tuple[str, ...] = ("TC",)) -> None:
        """Treat a part of line 1 today."""
        today = self.today
        part = {"line": 1, "mass_g": mass_g, "methods": list(methods), "treated_on": today}
        self.facility(manifest, "treatments", parts=[part])

    def arrived(self, mass_g: int = 500_000) -> str:
        """Return a manifest whose load was weighed at the gate."""
        manifest = self.register(mass_g)
        self.hand_over(manifest)
        self.arrive(manifest)
        self.weigh(manifest, mass_g)
        return manifest
