"""When a changed configuration is read: never while it is being written, and again until every worker has it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from exeat.errors import ConfigurationError, Finding, UnavailableError
from exeat.serving import reload as module
from exeat.serving.reload import Reload


class Rig:
    def __init__(self, folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / "exeat.toml"
        self.file.write_text("first")
        self.read: list[str] = []
        self.told: list[Any] = []
        self.records: list[dict[str, Any]] = []
        self.fault: Exception | None = None
        self.broken: Exception | None = None
        site = SimpleNamespace(agents={}, rules=(), names=None, ceilings=None)
        news = SimpleNamespace(site=site, said=lambda: self.read[-1])
        loaded = SimpleNamespace(file=self.file, settings=None)
        common: Any = SimpleNamespace(
            loaded=loaded, state=folder, site=site, audit=SimpleNamespace(append=self.records.append)
        )

        def read_news(_: Any) -> Any:
            self.read.append(self.file.read_text())
            if self.broken is not None:
                raise self.broken
            return news, ()

        monkeypatch.setattr(module, "read_news", read_news)
        monkeypatch.setattr(module, "take_over", lambda *_: None)
        monkeypatch.setattr(module, "registrations_in", lambda _: {})
        crew: Any = SimpleNamespace(configure=self.configure)
        plane: Any = SimpleNamespace(destinations=SimpleNamespace(configure=self.allow))
        self.reload = Reload(common, plane, crew)

    async def configure(self, said: Any) -> None:
        self.told.append(said)
        if self.fault is not None:
            raise self.fault

    async def allow(self, ceilings: Any) -> None:
        """Destinations are somebody else's."""

    def events(self) -> list[str]:
        return [record["event"] for record in self.records]


@pytest.fixture
def rig(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(tmp_path, monkeypatch)


@pytest.mark.guard("half-written-configuration")
async def test_a_file_is_read_when_it_has_stood_still_for_a_look(rig: Rig) -> None:
    await rig.reload.look()
    assert rig.read == []
    for text in ("sec", "second", "second, whole"):  # somebody is still writing
        rig.file.write_text(text)
        await rig.reload.look()
    assert rig.read == []
    await rig.reload.look()
    await rig.reload.look()
    assert rig.told == ["second, whole"]
    assert rig.events() == ["configuration_loaded"]


async def test_a_file_that_is_gone_for_a_moment_is_waited_for(rig: Rig) -> None:
    rig.file.unlink()
    for _ in range(3):
        await rig.reload.look()
    assert rig.read == []
    rig.file.write_text("again")
    for _ in range(2):
        await rig.reload.look()
    assert rig.told == ["again"]


async def test_a_worker_that_can_t_is_told_again(rig: Rig) -> None:
    rig.file.write_text("second")
    await rig.reload.look()
    rig.fault = UnavailableError("it is behind")
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await rig.reload.look()
    assert rig.events() == []
    rig.fault = None
    await rig.reload.look()
    await rig.reload.look()
    assert rig.told == ["second"] * 3
    assert rig.events() == ["configuration_loaded"]


async def test_one_that_doesn_t_hold_together_is_refused_once(rig: Rig) -> None:
    rig.broken = ConfigurationError([Finding("exeat.toml", "no such thing")])
    rig.file.write_text("second")
    for _ in range(4):
        await rig.reload.look()
    assert rig.read == ["second"]
    assert rig.told == []
    assert rig.events() == ["configuration_refused"]
