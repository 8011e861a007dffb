"""Which texts are secrets by their form, written from what vendors publish about theirs.

GitHub: "About authentication to GitHub"; GitLab: "Token overview"; Slack: "Token types"; Stripe: "API keys"; AWS: IAM user guide, "Unique
ID prefixes"; Google Cloud: "API keys", "OAuth 2.0"; the other vendors' pages on API keys. What has no form of its own (Datadog, Twilio's
auth token) is found by the name it is assigned to. Must not know: where texts come from, what is done about a find.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_W = r"[A-Za-z0-9_-]"


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret. The whole match is the value, or what the group ``value`` holds."""

    kind: str
    pattern: str
    shown: int = 4
    """Characters at the beginning that say only what it is, and so may be shown."""


RULES = (
    Rule("GitHub token", r"gh[pousr]_[A-Za-z0-9_.-]{36,}"),
    Rule("GitHub fine-grained token", r"github_pat_[A-Za-z0-9_]{60,}", 11),
    Rule("GitLab token", rf"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat)-{_W}{{20,}}", 6),
    Rule("Slack token", r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{16,}", 5),
    Rule("Slack app token", r"xapp-[0-9]-[A-Za-z0-9-]{20,}", 5),
    Rule("Slack webhook", r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,}", 15),
    Rule("Stripe key", r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}", 8),
    Rule("Stripe webhook secret", r"whsec_[A-Za-z0-9+/=]{20,}", 6),
    Rule("AWS access key id", r"(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    Rule("AWS secret access key", r"(?i:aws.{0,20}?secret.{0,20}?[=:\"'\s]{1,5})(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])", 0),
    Rule("Anthropic key", rf"sk-ant-[a-z0-9]+-{_W}{{20,}}", 7),
    Rule("OpenRouter key", r"sk-or-v1-[0-9a-f]{40,}", 9),
    Rule("OpenAI key", rf"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9]{_W}{{19,}}", 3),
    Rule("Hugging Face token", r"hf_[A-Za-z0-9]{30,}", 3),
    Rule("Google API key", rf"AIza{_W}{{35}}"),
    Rule("Google access token", rf"ya29\.{_W}{{20,}}", 5),
    Rule("Google refresh token", rf"1//0{_W}{{20,}}"),
    Rule("Google client secret", rf"GOCSPX-{_W}{{20,}}", 7),
    Rule("npm token", r"npm_[A-Za-z0-9]{36}"),
    Rule("PyPI token", rf"pypi-Ag[EI]{_W}{{50,}}", 5),
    Rule("SendGrid key", rf"SG\.{_W}{{16,}}\.{_W}{{32,}}", 3),
    Rule("Twilio API key", r"SK[0-9a-f]{32}(?![A-Za-z0-9])", 2),
    Rule("Sentry token", r"sntr(?:ys|yu)_[A-Za-z0-9_=+/-]{40,}", 7),
    Rule("Notion token", r"ntn_[A-Za-z0-9]{40,}"),
    Rule("Linear key", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}", 8),
    Rule("HubSpot token", r"pat-(?:na|eu|ap)[0-9]-[0-9a-f]{8}-[0-9a-f-]{27}", 7),
    Rule("Salesforce session", r"00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?![A-Za-z0-9_.]{60,}", 3),
    Rule("Vault token", rf"hv[sbr]\.{_W}{{24,}}"),
    Rule("DigitalOcean token", r"do[opr]_v1_[0-9a-f]{64}", 7),
    Rule("private key", r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----", 11),
    Rule("JSON Web Token", rf"eyJ{_W}{{10,}}\.eyJ{_W}{{10,}}\.{_W}{{16,}}", 3),
    Rule("password in a URL", r"[a-z][a-z0-9+.-]{1,20}://[^\s:@/\"'<>]{0,128}:(?P<value>[^\s@/\"'<>]{6,2048})@[A-Za-z0-9\[]", 0),
    Rule(
        "assigned secret",
        r"(?i:(?:api|access|auth|secret|private|client|session|bearer|app)?[_-]?(?:key|token|secret|passwd|password))[\"']?\s{0,3}[=:]\s{0,3}"
        r"[\"']?(?:Bearer |Basic |token )?(?P<value>[A-Za-z0-9_+/=.~-]{20,512})(?![A-Za-z0-9_+/=.~-])",
        0,
    ),
)  # fmt: skip
"""In this order: the first that fits names the find. The last two have no form; what they find must look random."""
LOOSE = frozenset({"assigned secret"})
BEFORE = rb"(?<![A-Za-z0-9_-])"
COMPILED = tuple(
    (rule, re.compile((b"" if rule.kind in LOOSE or "(?P<value>" in rule.pattern else BEFORE) + rule.pattern.encode()))
    for rule in RULES
)
HINTS = tuple(
    (rule, [hint.encode() for hint in hints])
    for rule, hints in zip(
        RULES,
        (
            ["gh"], ["github_pat_"], ["gl"], ["xox"], ["xapp-"], ["hooks.slack.com"], ["k_live_", "k_test_"], ["whsec_"],
            ["AKIA", "ASIA"], ["ecret", "ECRET"], ["sk-ant-"], ["sk-or-"], ["sk-"], ["hf_"], ["AIza"], ["ya29."], ["1//0"],
            ["GOCSPX-"], ["npm_"], ["pypi-Ag"], ["SG."], ["SK"], ["sntr"], ["ntn_"], ["lin_"], ["pat-"], ["00D"], ["hv"], ["_v1_"],
            ["PRIVATE KEY-----"], ["eyJ"], ["://"], [],
        ),
        strict=True,
    )
)  # fmt: skip
"""A text without any of these holds nothing of the kind: a plain search is twenty times as fast as a pattern."""
