"""Time to live: deletions that appear on the stream, marked as the service's. Start keys."""

import contextvars
import functools
import importlib
import json
import os
import threading
import time

TTL_SECONDS = float(os.environ.get("MEDIVAULT_TTL_SECONDS", "20"))


def import_without_reaper():
    """Import ministack's DynamoDB without its own TTL thread, which leaves the stream out."""
    real_start = threading.Thread.start

    def start(thread):
        if thread.name != "dynamodb-ttl-reaper":
            real_start(thread)

    threading.Thread.start = start
    try:
        return importlib.import_module("ministack.services.dynamodb")
    finally:
        threading.Thread.start = real_start


class Mortal:
    """The keys of the items that have a time to live: reading a whole table for them takes too long."""

    def __init__(self, dynamodb):
        self.dynamodb, self.keys = dynamodb, {}

    def written(self, table, item):
        """Remember an item that was written to a table with a time to live."""
        known = self.keys.get(table["TableName"])
        setting = self.dynamodb._ttl_settings.get(table["TableName"]) or {}
        if known is not None and setting.get("AttributeName") in item:
            value = self.dynamodb._extract_key_val
            known.add((value(item[table["pk_name"]]), value(item[table["sk_name"]])))

    def due(self, name, table, attribute, now):
        """Primary keys of the items whose TTL attribute lies in the past.

        AWS ignores a value that is not a number and one more than five years old.
        """
        if name not in self.keys:
            # The first time, all that is there: it may have been kept over a restart.
            self.keys[name] = {(pk, sk) for pk, rows in table["items"].items() for sk in rows}
        for partition, sort in list(self.keys[name]):
            item = table["items"].get(partition, {}).get(sort, {})
            if attribute not in item:
                self.keys[name].discard((partition, sort))
                continue
            try:
                due = float(item[attribute].get("N"))
            except (TypeError, ValueError):
                continue
            if now - 5 * 365 * 86400 < due <= now:
                yield partition, sort


def reap_table(dynamodb, mortal, name, table, attribute):
    """Delete due items and put the service's REMOVE records on the stream."""
    for partition, sort in mortal.due(name, table, attribute, time.time()):
        old = dynamodb._remove_item(table, partition, sort)
        dynamodb._emit_stream_event(name, "REMOVE", old, None)
        records = dynamodb._stream_records.get(name)
        if records:
            records[-1]["userIdentity"] = {
                "type": "Service",
                "principalId": "dynamodb.amazonaws.com",
            }


def reap(dynamodb, mortal):
    """Do what is due in every table that has a TTL."""
    from ministack.core.responses import set_request_account_id, set_request_region

    for (account, region, name), setting in list(dynamodb._ttl_settings.all_items()):
        table = dynamodb._tables.get_scoped(account, region, name)
        if table is None or setting.get("TimeToLiveStatus") != "ENABLED":
            continue
        set_request_account_id(account)
        set_request_region(region)
        reap_table(dynamodb, mortal, name, table, setting.get("AttributeName", ""))


def misplaced(dynamodb, target, body):
    """The refusal of a Query whose ExclusiveStartKey is not a key of what it walks along."""
    if not target.endswith(".Query"):
        return None
    query = json.loads(body)
    table = dynamodb._tables.get(query.get("TableName", ""))
    start = query.get("ExclusiveStartKey")
    if table is None or not start:
        return None
    schema = list(table["KeySchema"])
    for index in table.get("GlobalSecondaryIndexes") or []:
        if index["IndexName"] == query.get("IndexName"):
            schema += index["KeySchema"]
    if set(start) == {part["AttributeName"] for part in schema}:
        return None
    message = "The provided starting key is invalid"
    return dynamodb.error_response_json("ValidationException", message, 400)


def fill():
    """Reap between two requests, in the thread that serves them, and refuse as AWS does.

    AWS deletes an item only if it is still due at that moment. A thread beside the one that
    writes could take away an item that was replaced after it looked.
    """
    dynamodb = import_without_reaper()
    handle, emit, due = dynamodb.handle_request, dynamodb._emit_stream_event, 0.0
    mortal = Mortal(dynamodb)
    # A Query reads its condition anew for each item of the partition: seconds in a large one,
    # during which nobody else is served.
    for name in ("_tokenize", "_condition_syntax_error"):
        setattr(dynamodb, name, functools.lru_cache(1024)(getattr(dynamodb, name)))

    def noted(name, event, old, new, **named):
        if new:
            mortal.written(dynamodb._tables[name], new)
        emit(name, event, old, new, **named)

    async def handle_request(method, path, headers, body, query):
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + TTL_SECONDS
            contextvars.copy_context().run(reap, dynamodb, mortal)
        refusal = misplaced(dynamodb, headers.get("x-amz-target", ""), body)
        return refusal or await handle(method, path, headers, body, query)

    dynamodb.handle_request = handle_request
    dynamodb._emit_stream_event = noted
