"""What the workers of a host keep for sessions, so that each of them can put it back, and one that starts anew too.

Cookies and links come to one worker, and the next request of the agent may come to another. In memory only, and dropped
with the mission. Must not know: cookies, links, what a worker does with them.
"""

from __future__ import annotations

from typing import Any, final

from exeat.credentials.custody import Custody
from exeat.fleet.crew import Crew
from exeat.fleet.member import RemoteMember
from exeat.fleet.wording import kept_from, kept_to


@final
class Keepsakes:
    """The supervisor's copy, and who is told of what."""

    def __init__(self, custody: Custody, crew: Crew) -> None:
        self._custody = custody
        self._crew = crew

    def heard(self, teller: str, said: list[Any]) -> None:
        """One worker keeps something: the others will too."""
        self._custody.add(*kept_from(said))
        for member in self._crew.members:
            if isinstance(member, RemoteMember) and member.name != teller:
                member.channel.tell("kept", [said])

    def greet(self, member: RemoteMember) -> None:
        """Tell a new worker of everything."""
        everything = [kept_to(*each) for each in self._custody.everything()]
        if everything:
            member.channel.tell("kept", everything)

    def forget(self, mission: str) -> None:
        """A mission has ended."""
        self._custody.forget(mission)
