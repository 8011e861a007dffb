"""A server that goes on failing is left alone for longer each time, until it has answered."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exeat.credentials.oauth.endpoint import client_context
from exeat.credentials.patient_http import PatientClient
from exeat.errors import RefusalError


@pytest.fixture
async def server():
    made = TestServer(web.Application())
    made.says = 200

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=made.says)

    made.app.router.add_route("*", "/{path:.*}", answer)
    await made.start_server()
    yield made
    await made.close()


async def test_pauses_grow_until_it_answers(server, clock):
    """Each is twice the last one; an answer, whatever it says, makes the next one short again."""
    client = PatientClient(client_context(()), clock, "the server")
    base = str(server.make_url("/"))
    said = []
    for status in (503, 429, 503, 404, 503):
        server.says = status
        clock.now += 60
        try:
            found, _ = await client.send("GET", f"{base}{status}", {}, longest=5, largest=100, server=base)
            said.append(str(found))
        except RefusalError as error:
            said.append(error.detail)
    await client.close()
    pauses = [
        f"the server answered {status}; left alone for {seconds} s"
        for status, seconds in ((503, 1), (429, 2), (503, 4))
    ]
    assert said == [*pauses, "404", pauses[0]]


async def test_one_pause_is_for_the_whole_server(server, clock):
    """Another path of it isn't asked either, and without ``server`` just the one URL rests."""
    client = PatientClient(client_context(()), clock, "the server")
    base = str(server.make_url("/"))
    server.says = 503
    for path, place in (("a", base), ("c", "")):
        with pytest.raises(RefusalError, match="answered 503"):
            await client.send("GET", base + path, {}, longest=5, largest=100, server=place)
    server.says = 200
    with pytest.raises(RefusalError, match="is left alone"):
        await client.send("GET", f"{base}b", {}, longest=5, largest=100, server=base)
    assert await client.send("GET", f"{base}b", {}, longest=5, largest=100) == (200, b"")
    await client.close()
