"""The lockstep protocol of vmprobe: one line of JSON in, one line out. All times are integers, in nanoseconds.

A worker class probes one container: Worker(case, probe, ports, event) with place, pod, id, attempt, container(event),
check(now, sync), answered(now, answer), result(now, class, message), publish(ok), running and wake_at()."""
import json
import sys


class Case:
    """One case: its VMs, their workers, and what these do at an instant."""

    def __init__(self, message, worker):
        self.worker = worker
        self.profile, self.vms, self.workers, self.actions, self.ids = message["profile"], {}, [], [], 0
        for vm in message["vms"]:
            spec = vm["manifest"]["spec"]
            spec = spec.get("template", {}).get("spec", spec)
            inner = next((c for c in spec.get("containers", []) if "readinessProbe" in c), spec)
            ports = [p for o in [inner, *spec.get("domain", {}).get("devices", {}).get("interfaces", [])] for p in o.get("ports") or []]
            self.vms[vm["name"]] = inner.get("readinessProbe"), {p["name"]: p.get("containerPort") or p.get("port") for p in ports if p.get("name")}

    def do(self, verb, **fields):
        self.actions.append({"do": verb, **fields})

    def new_id(self):
        self.ids += 1
        return self.ids

    def event(self, now, e):
        kind, at = e["event"], {"vm": e.get("vm"), "instance": e.get("instance")}
        if kind == "containerStarted":
            spec, ports = self.vms[e["vm"]]
            pod = [w for w in self.workers if w.place["vm"] == e["vm"] and w.pod == e["pod"]]
            if pod:
                pod[0].container(e)
            elif spec:
                self.workers.append(self.worker(self, spec, ports, e))
        for w in self.workers:
            if kind == "answer" and w.attempt is not None and w.id == e["id"] and (answer := w.answered(now, e)):
                w.result(now, *answer)
            elif kind == "sync" and w.place == at:
                w.check(now, sync=True)
            elif kind == "containerStopped" and w.place == at:
                w.publish(False)
                w.running = False

    def step(self, now, events):
        self.actions = []
        for e in events:
            self.event(now, e)
        for w in self.workers:
            w.check(now)
        wakes = [at for w in self.workers if (at := w.wake_at()) is not None]
        return {"do": self.actions, **({"wakeAtNs": max(now, min(wakes))} if wakes else {})}


def serve(implementation, features, worker):
    """Answers the suite until it closes the stream."""
    case = None
    for line in sys.stdin:
        message, reply = json.loads(line), {}
        if message["op"] == "hello":
            reply = {"protocol": 1, "implementation": implementation, "features": features}
        elif message["op"] == "open":
            case = Case(message, worker)
        elif message["op"] == "step":
            reply = case.step(message.get("nowNs", 0), message.get("events", []))
        print(json.dumps({"seq": message["seq"], **reply}), flush=True)
