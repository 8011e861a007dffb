"""Moto with a user, a role and two tables in it, that from then on verifies every signature as AWS does.

Must not know: Exeat.
"""

from __future__ import annotations

import json
from typing import Any

import botocore.session

REGION, TABLES = "eu-central-1", ("orders", "salaries")
ROLE = "arn:aws:iam::123456789012:role/agents"
NOT_VERIFIED = "7"
"""How many calls moto takes on trust (``INITIAL_NO_AUTH_ACTION_COUNT``): those that ``furnish`` makes."""


def furnish(url: str) -> tuple[str, str]:
    """Make everything; return the user's long-lived key."""
    session = botocore.session.Session()

    def client(name: str) -> Any:
        return session.create_client(
            name, REGION, endpoint_url=url, aws_access_key_id="setup", aws_secret_access_key="setup"
        )

    iam, dynamodb = client("iam"), client("dynamodb")
    allowed = {"Effect": "Allow", "Action": ["sts:AssumeRole", "dynamodb:*"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.create_user(UserName="exeat")
    key = iam.create_access_key(UserName="exeat")["AccessKey"]
    iam.put_user_policy(UserName="exeat", PolicyName="all", PolicyDocument=policy)
    iam.create_role(RoleName="agents", AssumeRolePolicyDocument=policy)
    iam.put_role_policy(RoleName="agents", PolicyName="all", PolicyDocument=policy)
    for table in TABLES:
        dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return key["AccessKeyId"], key["SecretAccessKey"]
