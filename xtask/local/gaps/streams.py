"""DynamoDB streams: partial failures, a limit to retries, restarts.

ministack takes a batch as done when the function answered, and repeats a failing
one for ever. AWS repeats from the first failed item, and after MaximumRetryAttempts
sends what it could not deliver to the OnFailure destination and goes on. Here the
whole batch is repeated, which a handler has to bear anyway.
"""

import importlib
import threading


def fill():
    """Judge the answers of stream handlers as AWS does."""
    service = importlib.import_module("ministack.services.lambda_svc")
    execute, attempts = service._execute_function, {}

    def judged(function, event, *rest, **named):
        result = execute(function, event, *rest, **named)
        records = event.get("Records") if isinstance(event, dict) else None
        if not records or not by_the_poller() or records[0].get("eventSource") != "aws:dynamodb":
            return result
        result = failed_in_part(result)
        batch = (function["config"]["FunctionName"], records[0]["dynamodb"]["SequenceNumber"])
        if not result.get("error"):
            attempts.pop(batch, None)
            return result
        attempts[batch] = attempts.get(batch, 0) + 1
        mapping = mapping_of(service, records[0]["eventSourceARN"], batch[0])
        limit = (mapping or {}).get("MaximumRetryAttempts", -1)
        if limit is None or limit < 0 or attempts[batch] <= limit:
            return result
        attempts.pop(batch)
        service._send_ddb_stream_failure_record(
            mapping, function, records, records[0]["eventSourceARN"], result, "RetryAttemptsExhausted"
        )
        return {**result, "error": False}

    service._execute_function = judged
    service.get_state = without_positions(service.get_state)


def without_positions(get_state):
    """What is kept over a restart, without how far each stream was read.

    The records themselves are not kept, and new ones are counted from nothing: with its old
    place a follower would pass over as many of them as it had read.
    """

    def kept():
        state = get_state()
        state.pop("dynamodb_stream_positions", None)
        return state

    return kept


def by_the_poller():
    """Whether an event source mapping calls, not somebody with the event of one."""
    return "_poll_loop" in threading.current_thread().name


def failed_in_part(result):
    body = result.get("body")
    if result.get("error") or not isinstance(body, dict) or not body.get("batchItemFailures"):
        return result
    failure = {"errorType": "BatchItemFailures", "errorMessage": "some records failed"}
    return {**result, "error": True, "body": failure}


def mapping_of(service, source, function):
    for _account, _region, mapping in service._iter_all_esms():
        if mapping.get("EventSourceArn") == source and function in mapping.get("FunctionArn", ""):
            return mapping
    return None
