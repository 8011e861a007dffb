"""``/access/v1``: what would be decided, in the words of AuthZEN 1.0, for gateways and for people who ask first.

An answer is a worker's own decision on a request that means the question; nothing is recorded as decided, minted or sent.
Must not know: how it is decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from exeat.admin.answers import AuthZenConfiguration, Evaluation, Evaluations
from exeat.admin.bodies import EvaluationBody, EvaluationsBody, PartBody
from exeat.admin.call import Call
from exeat.admin.roles import Permission
from exeat.admin.route import Answer, Route, get, post
from exeat.counting import Counter, Counts
from exeat.missions.errors import FieldError, InvalidFieldsError
from exeat.ports import Evaluate

_STOP = {"execute_all": None, "deny_on_first_deny": False, "permit_on_first_permit": True}


@final
class EvaluationCalls:
    """Handlers of the questions."""

    def __init__(self, evaluate: Evaluate, url: str) -> None:
        self._evaluate = evaluate
        self._url = url
        self._asked = Counter()

    def routes(self) -> list[Route]:
        """Return the routes of these calls. Where to ask is open, as other well-known documents are; the answers aren't."""
        read, summary = Permission.READ, "What would be decided"
        return [
            post("/access/v1/evaluation", self.one, read, summary, Evaluation, body=EvaluationBody, asks=True),
            post(
                "/access/v1/evaluations", self.several, read, f"{summary}, for up to 100 questions", Evaluations,
                body=EvaluationsBody, asks=True,
            ),
            get("/.well-known/authzen-configuration", self.configuration, None, "Where to ask", AuthZenConfiguration),
        ]  # fmt: skip

    def read(self) -> Counts:
        """How often was asked, by answer."""
        return {"exeat_evaluations_total": self._asked.values}

    async def one(self, _call: Call, body: EvaluationBody) -> Answer:
        """Answer one question."""
        return await self._answer(body)

    async def several(self, _call: Call, body: EvaluationsBody) -> Answer:
        """Answer several, in order, up to the one that decides."""
        if not body.evaluations:
            return await self._answer(_whole(body, body, ""))
        questions = [_whole(part, body, f"evaluations[{number}].") for number, part in enumerate(body.evaluations)]
        answers: list[Mapping[str, Any]] = []
        for question in questions:
            answers.append(await self._answer(question))
            if answers[-1]["decision"] is _STOP[body.options.evaluations_semantic]:
                break
        return {"evaluations": answers}

    async def configuration(self, _call: Call) -> Answer:
        """Say where to ask."""
        return {
            "policy_decision_point": self._url,
            "access_evaluation_endpoint": f"{self._url}/access/v1/evaluation",
            "access_evaluations_endpoint": f"{self._url}/access/v1/evaluations",
        }

    async def _answer(self, asked: EvaluationBody) -> Mapping[str, Any]:
        subject, resource = asked.subject, asked.resource
        is_session = subject.type == "session"
        answer = await self._evaluate(
            {
                "session": subject.id if is_session else "",
                "agent": "" if is_session else subject.id,
                "mission": _text(subject.properties, "mission"),
                "action": asked.action.name,
                "kind": resource.type,
                "resource": resource.id,
                "host": _text(asked.context, "host"),
                "captures": {name: value for name, value in resource.properties.items() if isinstance(value, str)},
            }
        )
        self._asked.add((str(answer["decision"]).lower(),))
        return answer


def _whole(part: PartBody, outside: PartBody, where: str) -> EvaluationBody:
    """A question with what it leaves out; raise InvalidFieldsError when that isn't said outside either."""
    subject, action = part.subject or outside.subject, part.action or outside.action
    resource = part.resource or outside.resource
    if subject is None or action is None or resource is None:
        missing = {"subject": subject, "action": action, "resource": resource}
        raise InvalidFieldsError(
            [FieldError(f"{where}{name}", "Field required") for name, value in missing.items() if value is None]
        )
    context = part.context if part.context is not None else outside.context or {}
    return EvaluationBody(subject=subject, action=action, resource=resource, context=context)


def _text(properties: Mapping[str, Any], name: str) -> str:
    value = properties.get(name, "")
    if not isinstance(value, str):
        raise InvalidFieldsError([FieldError(name, "Input should be a valid string")])
    return value
