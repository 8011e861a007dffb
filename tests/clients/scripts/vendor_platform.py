"""A vendor's agent platform: one process for all its customers' agents, of which an operator can set a proxy URL and a key.

``vendor_platform.py JOBS``: a JSON list of jobs (name, proxy, key, calls as [method, url]), worked on at the same time; prints
one JSON line a job. It knows nothing of missions, reads no variable, and trusts what its machine trusts.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx


def work(job: dict[str, Any]) -> dict[str, Any]:
    answers = []
    with httpx.Client(proxy=job["proxy"], headers={"Authorization": f"Bearer {job['key']}"}, trust_env=False,
                      verify=job["roots"], timeout=20) as client:  # fmt: skip
        for method, url in job["calls"]:
            answer = client.request(method, url, json={} if method == "POST" else None)
            answers.append([answer.status_code, answer.json()])
    return {"name": job["name"], "answers": answers}


jobs = json.loads(Path(sys.argv[1]).read_text())
with ThreadPoolExecutor(len(jobs)) as pool:
    for done in pool.map(work, jobs):
        print(json.dumps(done), flush=True)
