#!/usr/bin/env python3
"""A TCP readiness prober with a clock and sockets of its own, to copy: put your attempts in the place of attempt().
vmprobe conformance --door sockets -- python3 prober.py"""
import asyncio
import json
import math
import sys
import time

HELLO = {"protocol": 1, "implementation": {"name": "python-sockets"}, "features": ["tcp"], "concurrent": 1000}
MORE_DELAY = {"kubevirt": 10, "kubevirt-legacy": 10}  # by profile, in seconds
DEFAULTS = {"initialDelaySeconds": 0, "periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1}


def say(**message):
    print(json.dumps(message), flush=True)


async def attempt(probe, ports, address):
    """One attempt: whether it succeeded. Its time is limited by who calls it; another error than these counts for nothing."""
    target = probe["tcpSocket"]
    port = ports.get(target["port"], target["port"])
    if not str(port).isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"invalid port: {port}")
    _, writer = await asyncio.open_connection(target.get("host") or address, int(port))
    writer.close()


async def prober(run, vm, event, due):
    """Probes one container from an instant on, until its task is cancelled."""
    written = vm["probes"]["readiness"]
    probe = {**DEFAULTS, **{f: v for f, v in written.items() if f not in DEFAULTS or v > 0}}
    ready, last, row, tick = False, None, 0, due + probe["initialDelaySeconds"]
    while True:
        await asyncio.sleep(tick - time.monotonic())
        try:
            await asyncio.wait_for(attempt(probe, vm.get("ports", {}), event["address"]), probe["timeoutSeconds"])
            passed = True
        except (OSError, asyncio.TimeoutError):
            passed = False
        except ValueError:
            passed = None
        if passed is not None:
            row, last = row + 1 if passed == last else 1, passed
            if passed != ready and row >= probe["successThreshold" if passed else "failureThreshold"]:
                ready = passed
                say(run=run, do=[{"do": "ready", "ok": ready, "vm": event["vm"], "instance": event["instance"]}])
        tick += max(1, math.ceil((time.monotonic() - tick) / probe["periodSeconds"])) * probe["periodSeconds"]


async def main():
    lines, runs = asyncio.StreamReader(limit=32 << 20), {}
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        m = json.loads(line)
        say(seq=m["seq"], **(HELLO if m["op"] == "hello" else {}))  # at once, whatever follows
        if m["op"] == "open":
            runs[m["run"]] = MORE_DELAY.get(m["profile"], 0), {vm["name"]: vm for vm in m["vms"]}, {}
        more_delay, vms, tasks = runs.get(m.get("run"), (0, {}, {}))
        for e in m.get("events", []):
            container = e.get("vm"), e.get("instance")
            if e["event"] == "containerStarted" and "readiness" in vms[e["vm"]]["probes"]:
                started = time.monotonic() - (m.get("nowNs", 0) - e.get("startedNs", 0)) / 1e9
                tasks[container] = asyncio.create_task(prober(m["run"], vms[e["vm"]], e, started + more_delay))
            elif e["event"] == "containerStopped" and container in tasks:
                tasks.pop(container).cancel()
        if m["op"] == "close":
            for task in runs.pop(m["run"])[2].values():
                task.cancel()


asyncio.run(main())
