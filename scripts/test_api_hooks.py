"""What scripts/test-api changes in requests: names of things that are there, and no waiting."""

import os
import random
import re

import schemathesis

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
THERE = {"asset": os.environ["WEIR_ASSETS"].split(), "job": os.environ["WEIR_JOBS"].split()}
chance = random.Random(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    for name, there in THERE.items():
        given = (case.path_parameters or {}).get(name)
        # What is no name stays none.
        if isinstance(given, str) and NAME.fullmatch(given) and chance.random() < 0.7:
            case.path_parameters[name] = chance.choice(there)
    if isinstance(case.query, dict) and isinstance(case.query.get("wait"), int):
        case.query["wait"] = min(case.query["wait"], 0)
    if isinstance(case.body, dict) and isinstance(case.body.get("wait_secs"), int):
        case.body["wait_secs"] = min(case.body["wait_secs"], 0)


@schemathesis.serializer(
    "application/offset+octet-stream", "video/mp4", "video/iso.segment", "text/vtt", "application/x-subrip"
)
def as_bytes(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
