"""boto3 as an agent uses it: reads calls from standard input as JSON, makes them one after the other, prints the outcomes.

A call is ``{"do": NAME, "with": {…}, "style": "path" | "virtual", "endpoint": URL, …}``; beside the operations of S3's client there is
``presigned`` (makes a URL and fetches it) and ``multipart`` (uploads in parts).
"""

import io
import json
import os
import sys
import urllib.error
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError


def client(call):
    config = Config(
        s3={"addressing_style": call.get("style", "path"), **call.get("s3", {})},
        retries={"total_max_attempts": 1},
        request_checksum_calculation=call.get("checksums", "when_supported"),
        signature_version="s3v4",
    )
    return boto3.client(
        "s3", endpoint_url=call.get("endpoint", "https://s3.example.test"), region_name="eu-central-1", config=config
    )


def fetch(url, method, body):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=20) as answer:
            return {"status": answer.status, "body": answer.read().decode()}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": error.read().decode(errors="replace")}


def make(call):
    s3, given = client(call), dict(call.get("with", {}))
    if "Body" in given:
        given["Body"] = given["Body"].encode() if not call.get("stream") else io.BytesIO(given["Body"].encode())
    if call["do"] == "presigned":
        url = s3.generate_presigned_url(call["of"], Params=given, ExpiresIn=call.get("life", 600))
        body = call["body"].encode() if "body" in call else None
        return {"url": url, **fetch(url, call.get("method", "GET"), body)}
    if call["do"] == "multipart":
        content = b"0123456789abcdef" * (call["size"] // 16)
        parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, use_threads=False)
        s3.upload_fileobj(io.BytesIO(content), given["Bucket"], given["Key"], Config=parts)
        return {"status": 200, "body": str(len(content))}
    answer = getattr(s3, call["do"])(**given)
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    body = answer["Body"].read().decode() if "Body" in answer else ""
    return {"status": status, "body": body, "keys": [each["Key"] for each in answer.get("Contents", [])],
            "size": answer.get("ContentLength")}  # fmt: skip


def outcome(call):
    try:
        return make(call)
    except ClientError as error:
        said = error.response
        return {"status": said["ResponseMetadata"]["HTTPStatusCode"], "code": said["Error"]["Code"],
                "body": said["Error"].get("Message", "")}  # fmt: skip
    except Exception as error:
        return {"status": 0, "code": type(error).__name__, "body": str(error)}


held = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
json.dump({"held": held, "outcomes": [outcome(call) for call in json.load(sys.stdin)]}, sys.stdout)
