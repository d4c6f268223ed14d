"""What Schemathesis has to know of the server beside its document."""

import json
import os
import re

import schemathesis
from schemathesis import GenerationMode
from schemathesis.transport.requests import REQUESTS_TRANSPORT

NDJSON = "application/x-ndjson"
# The ids of what it asks by: its client and the key that signed its token, or its API key.
OWN = os.environ["JUDGE_OWN"].split(",")


@schemathesis.hook
def before_call(context, case, kwargs):
    # It removes and revokes whatever it finds. What it asks by stays, or it would see nothing but 401 from then on.
    if case.method.upper() != "GET":
        for part in (case.path_parameters, case.body):
            if isinstance(part, dict):
                part.update({name: "nobody" for name, value in part.items() if value in OWN})
    # A cursor is a text to the document; one that this server did not make is refused as unreadable.
    cursor = isinstance(case.query, dict) and case.query.get("cursor")
    if isinstance(cursor, str) and not re.fullmatch(r"[\w-]+\.[\w-]{43}", cursor):
        del case.query["cursor"]
    # Of these two headers it takes some for good that their pattern in the document refuses.
    is_good = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    for name in ("If-Match", "If-None-Match"):
        value = (case.headers or {}).get(name)
        if is_good and value is not None and not re.fullmatch(r'\*|(W/)?".*"', value):
            del case.headers[name]


@REQUESTS_TRANSPORT.serializer(NDJSON)
def in_lines(context, value):
    if isinstance(value, bytes):
        return {"data": value}
    return {"data": json.dumps(value).encode() + b"\n"}


# Each line of the answer is what the schema describes: the first one stands for all.
@schemathesis.deserializer(NDJSON)
def first_line(context, response):
    return json.loads(response.content.split(b"\n")[0])
