"""An agent that keeps everything it ever got, and stays: five vendors' SDKs, an OAuth refresh, an answer that quotes its request."""

import os
import sys

import boto3
import requests
import stripe
from cells import API, BEARER, KEY
from github import Auth, Github
from openai import OpenAI
from slack_sdk import WebClient

stripe.ca_bundle_path = os.environ["SSL_CERT_FILE"]
kept = [
    WebClient(token=KEY, base_url=f"{API}/slack/").api_call("auth.test", json={}),
    stripe.StripeClient(KEY, base_addresses={"api": API}, max_network_retries=0).v1.refunds.retrieve("re_1"),
    Github(base_url="https://repos.example.test", auth=Auth.Token(os.environ["REPOS_KEY"]), retry=None).get_repo(
        "acme/site"
    ),
    OpenAI(api_key=KEY, base_url=f"{API}/v1", max_retries=0).chat.completions.create(
        model="probe", messages=[{"role": "user", "content": "hello"}]
    ),
    boto3.client("s3", endpoint_url="https://s3.example.test", region_name="eu-central-1")
    .get_object(Bucket="bucket", Key="thing")["Body"]
    .read(),
    requests.get(f"{API}/reflect", headers=BEARER, timeout=10),
]
first = requests.post(
    f"{API}/oauth/token", headers=BEARER, data={"grant_type": "authorization_code", "code": "c"}, timeout=10
)
again = {"grant_type": "refresh_token", "refresh_token": first.json()["refresh_token"]}
second = requests.post(f"{API}/oauth/token", headers=BEARER, data=again, timeout=10)
with_it = {"Authorization": f"Bearer {second.json()['access_token']}"}
kept += [first, second, requests.get(f"{API}/v1/models", headers=with_it, timeout=10)]
print("HOLDS", len(kept), [each.status_code for each in kept if hasattr(each, "status_code")], flush=True)
sys.stdin.read()
