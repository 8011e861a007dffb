"""boto3's S3 client with path-style addresses."""

import boto3
from botocore.config import Config
from cells import CELL, ROGUE, UPLOAD, Outcome, paced, run

client = boto3.client(
    "s3", endpoint_url=ROGUE if CELL == "origin_tls_error" else "https://s3.example.test", region_name="eu-central-1",
    aws_access_key_id="AKIAMATRIX", aws_secret_access_key="its-own-secret",
    config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
)  # fmt: skip


def get() -> Outcome:
    return 200, client.get_object(Bucket="bucket", Key="thing")["Body"].read()


def upload() -> Outcome:
    with UPLOAD.open("rb") as file:
        return 200, client.put_object(Bucket="bucket", Key="upload.bin", Body=file)["ETag"]


run(
    get,
    refused=lambda: (200, client.delete_object(Bucket="bucket", Key="thing")),
    streaming=lambda: paced(client.get_object(Bucket="bucket", Key="stream")["Body"].iter_chunks(5000)),
    large_upload=upload,
)
