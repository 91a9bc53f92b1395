"""The tables: on the terminal and in docs/PERFORMANCE.md."""

import datetime
import os
import pathlib
import platform

import cost
import setup

BEGIN = "<!-- measured: begin; written by `cargo xtask bench --write` -->"
END = "<!-- measured: end -->"


def about(bench, options, took):
    """When, where and how."""
    cpu = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text()
                .splitlines() if line.startswith("model name")), platform.machine())
    command = "cargo xtask bench" + "".join(f" --only {name}" for name in options.only)
    command += " --no-growth" if options.no_growth else ""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} x {cpu}, Linux {platform.release()}",
        "command": command + (f" --runs {options.runs}" if options.runs != 21 else ""),
        "runs": options.runs,
        "node": setup.version(bench.node),
        "python": platform.python_version(),
        "seconds": round(took),
    }


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def tables(result):
    said = result["about"]
    parts = [
        f"{said['date']}, {said['machine']}; Node.js {said['node']}, Python {said['python']}. "
        f"`{said['command']}`: medians of {said['runs']} starts, {said['seconds']} s in all.",
        "### Beside others", beside(result), targets(result),
        "### Every function", every(result),
    ]
    if result["growth"]:
        parts += ["### Growth", growth(result)]
    if len(result["functions"]) == len(cost.SHEET["perPatientAndMonth"]):
        parts += ["### A month", bill(result)]
    return "\n\n".join(parts) + "\n"


def beside(result):
    functions, peers = result["functions"], result["peers"]
    found = {"empty function": peers["empty"], "Node.js, AWS SDK v3": peers["node"],
             "Python, boto3": peers["python"]}
    ours = functions.get("record_get")
    if ours:
        found = {"**record_get**": ours, **found}
    base = ours or peers["empty"]
    keys = ("initMs", "coldMs", "coldMsOwnMemory", "coldMs128", "warmMs", "warmMs128", "rssMb",
            "zipMb")
    rows = [
        [name, *(f"{one[key]:.1f} ({one[key] / base[key]:.1f})" for key in keys)]
        for name, one in found.items()
    ]
    head = ["record_get in", "init ms", "cold ms", "cold ms, own memory", "cold ms, 128 MB",
            "warm ms", "warm ms, 128 MB", "peak MB", "zip MB"]
    return table(head, rows) + "\n\nIn brackets: as a multiple of ours."


def targets(result):
    functions, peers = result["functions"], result["peers"]
    worst = lambda key: max(functions.items(), key=lambda pair: pair[1][key] or 0)  # noqa: E731
    slowest, work = worst("ownMs")
    rows = []
    ours = functions.get("record_get")
    if ours:
        for key, what in (("coldMs", "whole CPU"), ("coldMs128", "128 MB")):
            ratio = peers["node"][key] / ours[key]
            rows.append([f"cold start, Node.js / ours, {what}", "at least 20", f"{ratio:.1f}",
                         met(ratio >= 20)])
    ratio = work["ownMs"] / peers["empty"]["ownMs"]
    rows.append([f"own work in init / empty function, worst ({slowest})", "at most 2",
                 f"{ratio:.2f}", met(ratio <= 2)])
    asked = {name: one["roundTrips"] for name, one in functions.items() if setup.is_asked(name)}
    for name in sorted(asked, key=asked.get, reverse=True)[:2]:
        rows.append([f"sequential round trips of a warm request, most ({name})", "at most 2",
                     asked[name], met(asked[name] <= 2)])
    name, one = worst("zipMb")
    rows.append([f"zipped, largest ({name}), MB", "at most 5", one["zipMb"], met(one["zipMb"] <= 5)])
    name, one = worst("rssMb")
    rows.append([f"peak memory, most ({name}), MB", "at most 64", one["rssMb"],
                 met(one["rssMb"] <= 64)])
    rows += lists(result["growth"])
    flat = {name: one for name, one in result["growth"].items() if not reads_register(name)}
    for key, what, shown in (("ms", "warm time", 4), ("usd", "AWS's price of a request", 2)):
        grown = {name: steepness(one, key) for name, one in flat.items()}
        for name in sorted(grown, key=grown.get, reverse=True)[:shown]:
            rows.append([f"largest vault / smallest, {what}, most ({name})", "flat: at most 2",
                         f"{grown[name]:.2f}", met(grown[name] <= 2)])
    return table(["target", "wanted", "reached", ""], rows)


def reads_register(name):
    return name.startswith("record_list")


def lists(grown):
    """The targets of lists of 10 000 records, by the owner and by a doctor."""
    rows = []
    for name in ("record_list", "record_list by a doctor"):
        one = grown.get(name, {}).get("10000")
        if one:
            rows.append([f"{name} of 10 000 records, calls", "at most 3", one["calls"], met(one["calls"] <= 3)])
            rows.append([f"{name} of 10 000 records, CPU ms", "at most 40", one["cpuMs"], met(one["cpuMs"] <= 40)])
    return rows


def steepness(sizes, key):
    """How much more a request takes in the largest vault than in the smallest."""
    taken = {int(n): one[key] for n, one in sizes.items()}
    return taken[max(taken)] / taken[min(taken)]


def met(is_met):
    return "met" if is_met else "**missed**"


def every(result):
    rows = [
        [name, one["initMs"], one["connectMs"], one["ownMs"], one["coldMs"], one["coldMsOwnMemory"],
         one["coldMs128"], one["warmMs"], one["warmMs128"], one["warmCpuMs"], one["rssMb"],
         one["zipMb"], one["roundTrips"], one["calls"], one["memoryMb"]]
        for name, one in result["functions"].items()
    ]
    head = ["function", "init ms", "of it connecting", "own", "cold ms", "cold, own memory",
            "cold, 128 MB", "warm ms", "warm, 128 MB", "warm CPU ms", "peak MB", "zip MB",
            "trips in a row", "trips in all", "memory MB"]
    return table(head, rows)


def growth(result):
    sizes = sorted({int(n) for one in result["growth"].values() for n in one})
    text = "{ms} ms, {cpuMs} CPU, {calls} ({sequential}), ${usd:.2f}"
    cell = lambda one: text.format(**one) if one else ""  # noqa: E731
    rows = [
        [name, *(cell(one.get(str(n))) for n in sizes)]
        for name, one in sorted(result["growth"].items())
    ]
    counts = map(spaced, sizes)
    said = "warm: time, the function's own CPU time (ms), calls (in a row), AWS's price of a million"
    return table([said, *counts], rows)


def spaced(count):
    return f"{count:,}".replace(",", " ")


def bill(result):
    lines = cost.month(result)
    amount = lambda n: f"{n:.1f}" if n < 10 else f"{n:,.0f}".replace(",", " ")  # noqa: E731
    rows = [[what, f"{price:.10f}".rstrip("0").rstrip("."), amount(count), f"{usd:.2f}"]
            for what, price, count, usd in lines]
    total = sum(usd for *_, usd in lines)
    many = cost.SHEET["assumptions"]["patients"]
    rows.append([f"**{many} active patients, a month**", "", "", f"**{total:.2f}**"])
    return table([cost.SHEET["region"], "price", "units", "dollars"], rows)


def insert(path, text):
    """Puts the tables between the marks of a document."""
    document = path.read_text()
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
