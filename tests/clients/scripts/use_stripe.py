"""The stripe SDK, which ships its own roots: the bundle has to be named in code."""

import os

import stripe
from cells import API, KEY, UPLOAD, Outcome, run

stripe.ca_bundle_path = os.environ["SSL_CERT_FILE"]
client = stripe.StripeClient(KEY, base_addresses={"api": API, "files": API}, max_network_retries=0)


def upload() -> Outcome:
    with UPLOAD.open("rb") as file:
        return 200, client.v1.files.create({"file": file, "purpose": "dispute_evidence"}).id


run(
    lambda: (200, client.v1.refunds.retrieve("re_1").amount),
    refused=lambda: (200, client.v1.payouts.create({"amount": 1, "currency": "eur"})),
    large_upload=upload,
    redirect_refused=lambda: (200, client.raw_request("get", "/moved/refunds")),
)
