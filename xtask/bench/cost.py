"""What invocations and a month of them cost: measured calls and durations, times the prices of
prices.json."""

import json
import pathlib

SHEET = json.loads((pathlib.Path(__file__).parent / "prices.json").read_text())
EVENTS = {"cognito_pre_token", "upload_ingest", "ocr_start",
          "ocr_collect", "upload_sweep", "grant_sweep", "table_stream", "audit_archive"}
QUEUED = {"upload_ingest", "ocr_start", "ocr_collect"}
# They read the table, and nothing that is sealed.
KEYLESS = {"cognito_pre_token", "grant_sweep"}


def month(result):
    """The lines of the bill: what, how much of it, dollars."""
    given, counts = SHEET["assumptions"], SHEET["perPatientAndMonth"]
    many = given["patients"]
    used = dict.fromkeys(SHEET["prices"], 0.0)
    for name, one in result["functions"].items():
        for unit, count in invocation(name, one).items():
            used[unit] += counts[name] * many * count
    used["cognitoUser"] = many
    used["kmsKeyMonth"] = given["kmsKeys"]
    used["tableGbMonth"] = many * given["tableKbEachPatient"] / 1e6
    used["s3GbMonth"] = many * given["fileMbEachPatient"] / 1e3
    # Errors and throttles of every function.
    used["alarmMonth"] = 2 * len(result["functions"])
    prices = SHEET["prices"]
    return [(prices[unit]["what"], prices[unit]["usd"], count, count * prices[unit]["usd"])
            for unit, count in used.items()]


def invocation(name, one):
    """What one invocation of a function is billed as, beside what is paid by the month."""
    given = SHEET["assumptions"]
    opens = one["usage"].get("tableReads") and name not in KEYLESS
    # A call to Cognito is paid with its user.
    used = {unit: count for unit, count in one["usage"].items() if unit in SHEET["prices"]}
    for unit, count in {
        "lambdaRequest": 1,
        "apiRequest": 0 if name in EVENTS else 1,
        "lambdaGbSecond": one["memoryMb"] / 1024 * seconds(one),
        "logsGb": given["logBytesEachInvocation"] / 1e9,
        "sqs": given["queueRequestsEachMessage"] if name in QUEUED else 0,
        "kms": given["keyMissShare"] if opens else 0,
    }.items():
        used[unit] = used.get(unit, 0) + count
    return used


def dollars_a_million(name, one):
    """What a million such invocations cost."""
    used = invocation(name, one)
    return 1e6 * sum(count * SHEET["prices"][unit]["usd"] for unit, count in used.items())


def seconds(one):
    """The billed time of one invocation: CPU time as its memory's share gives it, the waiting that
    a region adds, and the initialization of those that start cold."""
    given = SHEET["assumptions"]
    # What is waited for at least, in the longest chain: each kind of call once, the slowest first,
    # and the quickest of them for what is left of it.
    waits = sorted((ms for unit, ms in given["tripMs"].items() if one["usage"].get(unit)),
                   reverse=True)
    chain = one["roundTrips"] or 0
    waiting = sum(waits[:chain]) + sum(waits[-1:]) * max(0, chain - len(waits))
    cold = given["coldShare"] * (one["coldMsOwnMemory"] + waiting)
    warm = (1 - given["coldShare"]) * (one["warmMsOwnMemory"] + waiting)
    return (cold + warm) / 1000
