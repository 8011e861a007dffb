"""boto3's S3 client with path-style addresses."""

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from cells import UPLOAD, Outcome, host, paced, run

client = boto3.client(
    "s3", endpoint_url=f"https://{host('s3')}", region_name="eu-central-1",
    config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
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
