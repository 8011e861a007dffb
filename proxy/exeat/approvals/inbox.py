"""What comes in: a message that a group's secret signed, now, for the first time.

Must not know: HTTP, what the message says.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import final

from exeat.approvals.errors import ReplayedError, SignatureError
from exeat.approvals.signing import ID, SIGNATURE, TIMESTAMP, holds
from exeat.ports import Clock

_WINDOW = 300.0
"""Seconds that a sender's clock may differ from ours; Standard Webhooks' own tolerance."""
_ID = re.compile(r"[!-~]{1,128}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_MOST = 10_000
"""Ids remembered; all of them signed, so only a group itself could fill this. Beyond, nothing more is taken for a while."""


@final
class Inbox:
    """Knows each group's key. What it has taken is in memory: after a restart, an old message meets a decided approval."""

    def __init__(self, keys: Mapping[str, bytes], clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._taken: OrderedDict[str, float] = OrderedDict()

    def take(self, headers: Mapping[str, str], body: bytes) -> str:
        """Return the group whose secret signed this.

        Raise SignatureError unless one did, within the window; ReplayedError when it was taken before.
        """
        message_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
        now = self._clock.time()
        if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp):
            raise SignatureError("the webhook is not signed", "Sign it as Standard Webhooks says.")
        moment, shown = int(timestamp), headers.get(SIGNATURE, "")
        signers = [name for name, key in self._keys.items() if holds(key, message_id, moment, body, shown)]
        if not signers:
            raise SignatureError("no group's secret signed this", "Check the secret, and sign the body as it is sent.")
        if not abs(now - moment) <= _WINDOW:
            raise SignatureError("the webhook is too old, or of the future", "Check both clocks; sign when sending.")
        while self._taken and next(iter(self._taken.values())) < now - 2 * _WINDOW:
            self._taken.popitem(last=False)
        if message_id in self._taken or len(self._taken) >= _MOST:
            raise ReplayedError("this webhook was taken before", "Send each with an id of its own.")
        self._taken[message_id] = now
        return signers[0]

    def give_back(self, headers: Mapping[str, str]) -> None:
        """Forget a message that couldn't be acted on for a fault of ours: its sender sends it again."""
        self._taken.pop(headers.get(ID, ""), None)
