"""Transaction conflicts: what DynamoDB refuses when two requests meet on an item.

ministack serves one request after the other, so none ever meets another. On DynamoDB (developer
guide, "Transaction conflict handling"), while a request is under way on an item:

- TransactWriteItems is cancelled by another TransactWriteItems, condition checks included;
- TransactGetItems is cancelled by TransactWriteItems, PutItem, UpdateItem and DeleteItem;
- PutItem, UpdateItem and DeleteItem are refused by TransactWriteItems;
- a transaction whose token is in use by one under way is told so.

GetItem, BatchGetItem and Query meet nothing. Here a request is under way for a few milliseconds
before it takes effect. conflicts.json in the stack's folder counts the refusals of each item.
"""

import asyncio
import collections
import contextlib
import importlib
import json
import os
import pathlib

SECONDS = float(os.environ.get("MEDIVAULT_CONFLICT_SECONDS", "0.005"))

SINGLE = ("PutItem", "UpdateItem", "DeleteItem")
ONGOING = "Transaction is ongoing for the item"


class Flight:
    """What is under way, and what was refused because of it."""

    def __init__(self, path):
        self.path, self.refused = path, collections.Counter()
        self.transactions, self.singles = collections.Counter(), collections.Counter()
        self.tokens = collections.Counter()

    def of(self, operation):
        """The requests among which one of this operation counts; reads are among none."""
        if operation == "TransactWriteItems":
            return self.transactions
        return self.singles if operation in SINGLE else collections.Counter()

    @contextlib.contextmanager
    def under_way(self, operation, items, token):
        mine = self.of(operation)
        mine.update(items)
        self.tokens[token] += 1
        try:
            yield
        finally:
            mine.subtract(items)
            self.tokens[token] -= 1

    def met(self, operation, items):
        """For each item whether a request is under way that this one cannot pass."""
        single = operation == "TransactGetItems"
        return [self.transactions[item] > 0 or (single and self.singles[item] > 0) for item in items]

    def note(self, items, met):
        self.refused.update(item for item, hit in zip(items, met, strict=True) if hit)
        draft = self.path.with_suffix(".tmp")
        draft.write_text(json.dumps(self.refused, indent=1))
        draft.replace(self.path)


def asked(dynamodb, operation, body):
    """The items that a request may meet others on, in order, and its token; none for other requests."""
    if operation not in (*SINGLE, "TransactWriteItems", "TransactGetItems"):
        return [], None
    try:
        request = json.loads(body)
        parts = [request] if operation in SINGLE else [
            action for entry in request["TransactItems"] for action in entry.values()
        ]
        return [item(dynamodb, part) for part in parts], request.get("ClientRequestToken")
    except (AttributeError, KeyError, TypeError, ValueError):
        # ministack says what is wrong with it.
        return [], None


def item(dynamodb, part):
    """Table and primary key in one text."""
    table = dynamodb._tables.get(part["TableName"])
    keys = part.get("Key") or part["Item"]
    names = [name for name in (table["pk_name"], table["sk_name"]) if name]
    return " ".join([part["TableName"], *(str(*keys[name].values()) for name in names)])


def refusal(dynamodb, operation, met):
    if operation in SINGLE:
        return dynamodb.error_response_json("TransactionConflictException", ONGOING, 400)
    conflict, none = {"Code": "TransactionConflict", "Message": ONGOING}, {"Code": "None"}
    reasons = [conflict if hit else none for hit in met]
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return dynamodb.error_response_json(
        "TransactionCanceledException", message, 400, {"CancellationReasons": reasons}
    )


def fill():
    """Refuse what meets a request under way."""
    dynamodb = importlib.import_module("ministack.services.dynamodb")
    flight = Flight(pathlib.Path(os.environ["STATE_DIR"]).parent / "conflicts.json")
    handle = dynamodb.handle_request

    async def handle_request(method, path, headers, body, query):
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        items, token = asked(dynamodb, operation, body)
        if token and flight.tokens[token]:
            message = "The transaction with the given request token is already in progress."
            return dynamodb.error_response_json("TransactionInProgressException", message, 400)
        met = flight.met(operation, items)
        if items and not any(met):
            with flight.under_way(operation, items, token):
                await asyncio.sleep(SECONDS)
                # A write may have begun beside a read; beside a write none can.
                met = flight.met(operation, items) if operation == "TransactGetItems" else met
                if not any(met):
                    return await handle(method, path, headers, body, query)
        if any(met):
            flight.note(items, met)
            return refusal(dynamodb, operation, met)
        return await handle(method, path, headers, body, query)

    dynamodb.handle_request = handle_request
