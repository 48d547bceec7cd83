#!/usr/bin/env python3
"""A complete HTTP and TCP prober to copy: vmprobe conformance -- python3 prober.py. All times are in nanoseconds."""
import json
import math
import sys
from urllib.parse import urlsplit

HELLO = {"protocol": 1, "implementation": {"name": "python-adapter"}, "features": ["http", "tcp", "restart", "startup", "network-faults"]}
# By profile: seconds more of initial delay, tries of an attempt that errs, whether a status decides without its body.
PROFILES = {"openshift-doc": (0, 1, True), "kubernetes": (0, 3, False), "kubevirt": (10, 3, False), "kubevirt-legacy": (10, 3, False)}
DEFAULTS = {"initialDelaySeconds": 0, "periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1}
STATES = {"readiness": ("ready", False), "liveness": ("live", True), "startup": ("started", None)}  # with what holds at first
USUAL = {"User-Agent": "kube-probe/1.37", "Accept": "*/*"}
SECOND = 10**9


class Worker:
    """Drives one probe of one container, until a verdict that ends it or the end of the container."""
    def __init__(self, case, vm, kind, event):
        self.case, self.do, self.kind, self.ports, self.address = case, case.do, kind, vm.get("ports", {}), event["address"]
        self.place, (self.verb, self.state) = {"vm": event["vm"], "instance": event["instance"]}, STATES[kind]
        self.probe = {**DEFAULTS, **{f: v for f, v in vm["probes"][kind].items() if f not in DEFAULTS or v > 0}}
        self.more_delay, self.tries, self.status_decides = PROFILES[case.profile]
        self.run, self.last, self.over, self.period = 0, None, False, self.probe["periodSeconds"] * SECOND
        self.life = self.live(event.get("startedNs", 0) + (self.probe["initialDelaySeconds"] + self.more_delay) * SECOND)
        self.until = next(self.life)

    def live(self, tick):
        while True:
            yield tick  # sleeps until then
            tick += ((self.case.now - tick) // self.period + 1) * self.period
            for left in reversed(range(self.tries)):
                self.case.asking.append(self)
                self.id, self.deadline = len(self.case.asking), self.case.now + self.probe["timeoutSeconds"] * SECOND
                self.do("try", id=self.id, probe=self.kind, **self.place)
                outcome, message = yield from self.exchange()
                self.do("result", id=self.id, message=message, retry=outcome == "error" and left > 0, **{"class": outcome})
                if outcome != "error":  # errors count for nothing
                    self.count(outcome != "failure")
                    break

    def count(self, passed):
        self.run, self.last = self.run + 1 if passed == self.last else 1, passed
        if not self.over and self.run >= self.probe["successThreshold" if passed else "failureThreshold"]:
            self.publish(passed)
            self.over = self.kind == "startup" or self.kind == "liveness" and not passed
            if self.over and not passed:
                self.do("liveFailed", probe=self.kind, **self.place)

    def publish(self, ok):
        if ok != self.state and not self.over:
            self.state = ok
            self.do(self.verb, ok=ok, **self.place)

    def exchange(self):
        target = (get := self.probe.get("httpGet")) or self.probe["tcpSocket"]
        port, host = self.ports.get(target["port"], target["port"]), target.get("host") or self.address
        if not str(port).isdigit() or not 0 < int(port) < 65536:
            return "error", f"invalid port: {port}"  # the prober's own fault: there is nothing to ask
        if not get:
            self.do("ask", id=self.id, tcp={"host": host, "port": int(port), "timeoutNs": self.deadline - self.case.now})
            return "success" if (how := (yield math.inf)["connect"]) == "ok" else "failure", f"connect: {how}"
        path, given = urlsplit(get.get("path", "/")), [(h["name"].title(), h.get("value", "")) for h in get.get("httpHeaders", [])]
        if path.scheme and not path.netloc:
            return "failure", "no Host in request URL"
        headers = [h for h in USUAL.items() if h[0] not in dict(given)] + [h for h in given if h[1] or h[0] not in USUAL]
        url = path._replace(scheme=get.get("scheme", "HTTP").lower(), netloc=f"{f'[{host}]' if ':' in host else host}:{port}").geturl()
        for _ in range(10):
            left = max(1, self.deadline - self.case.now)
            self.do("ask", id=self.id, http={"url": url, "headers": headers, "timeoutNs": left, "bodyLimitBytes": 10 << 10})
            got = (yield math.inf)["http"]
            to, status = got.get("redirect", {}), got.get("status", 0)
            if got.get("head") != "ok" or "error" in to:
                return "failure", to.get("error") or got["error"]
            if not to or urlsplit(to["url"]).hostname != host.lower():
                if got["body"] not in ("ok", "limit") and not self.status_decides:
                    return "error", got.get("error", "")
                classes = {2: ("success", ""), 3: ("warning", "Probe terminated redirects, Response body: " + got.get("text", ""))}
                return classes.get(status // 100, ("failure", f"HTTP probe failed with statuscode: {status}"))
            url, headers = to["url"], [h for h in headers if to.get("relative") or h[0] != "Host"]
        return "failure", "stopped after 10 redirects"


class Case:
    def __init__(self, message):
        self.profile, self.vms = message["profile"], {vm["name"]: vm for vm in message["vms"]}
        self.containers, self.asking = {}, []

    def do(self, verb, **fields):
        self.actions.append({"do": verb, **fields})

    def step(self, now, events):
        self.now, self.actions = now, []
        for e in events:
            here = self.containers.setdefault((e.get("vm"), e.get("instance")), {})  # the workers, by kind
            if e["event"] == "answer":
                w = self.asking[e["id"] - 1]
                w.until = w.life.send(e)
            elif e["event"] == "containerStarted":
                here.update({kind: Worker(self, self.vms[e["vm"]], kind, e) for kind in self.vms[e["vm"]]["probes"]})
            for w in here.values():
                if e["event"] == "containerStopped" or e["event"] == "terminating" and w.kind != "readiness":
                    w.publish(e["event"] == "terminating")
                    w.over = True
        probing = [w for here in self.containers.values() for w in here.values() if not w.over and (
            w.kind == "startup" or "startup" not in here or here["startup"].state)]
        for w in probing:
            w.until = next(w.life) if w.until <= now else w.until
        wake = min((w.until for w in probing), default=math.inf)
        return {"do": self.actions, **({"wakeAtNs": max(now, wake)} if wake < math.inf else {})}


if __name__ == "__main__":
    for line in sys.stdin:
        m = json.loads(line)
        if m["op"] == "open":
            case = Case(m)
        reply = HELLO if m["op"] == "hello" else case.step(m.get("nowNs", 0), m.get("events", [])) if m["op"] == "step" else {}
        print(json.dumps({"seq": m["seq"], **reply}), flush=True)
