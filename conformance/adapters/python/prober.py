#!/usr/bin/env python3
"""A complete readiness prober by HTTP and TCP for: vmprobe conformance -- python3 prober.py

Copy it with lockstep.py, and put your own decisions in. It needs the standard library alone."""
import re
from urllib.parse import urljoin, urlsplit

from lockstep import serve

SECOND = 10**9  # all times are integers, in nanoseconds
# By profile: seconds added to the initial delay, tries of an attempt that errors, whether the status decides without the body.
PROFILES = {"openshift-doc": (0, 1, True), "kubevirt-legacy": (10, 3, False), "kubevirt": (10, 3, False), "kubernetes": (0, 3, False)}


class Worker:
    """Probes one container, and those that follow it in the same pod."""

    def __init__(self, case, spec, ports, event):
        self.case, self.spec, self.ports, self.pod = case, spec, ports, event["pod"]
        self.extra, self.tries, self.status_decides = PROFILES[case.profile]
        self.period, self.timeout = (self.number(f) * SECOND for f in ("periodSeconds", "timeoutSeconds"))
        self.tick = event.get("startedNs", 0) + SECOND // 7  # of a ticker that begins soon after the container
        self.run, self.last, self.attempt, self.again = 0, None, None, False
        self.container(event)

    def number(self, field):
        defaults = {"periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1}
        return self.spec[field] if self.spec.get(field, 0) > 0 else defaults[field]

    def container(self, event):
        self.place = {"vm": event["vm"], "instance": event["instance"]}
        self.address, self.running, self.ready, self.stale = event["address"], True, None, self.attempt is not None
        self.due = event.get("startedNs", 0) + (max(0, self.spec.get("initialDelaySeconds", 0)) + self.extra) * SECOND
        self.publish(False)

    def publish(self, ok):
        if ok != self.ready:
            self.ready = ok
            self.case.do("ready", ok=ok, **self.place)

    def wake_at(self):
        if not self.running or self.attempt is not None:
            return None
        self.tick += max(0, -(-(self.due - self.tick) // self.period)) * self.period  # ticks in the delay do nothing
        return self.tick

    def check(self, now, sync=False):
        """Begins an attempt when a tick has come, or waited for the end of the last attempt, or the pod is synchronised."""
        if sync and self.attempt is not None:
            self.again = True
        elif sync:
            self.tick = now + self.period
        if self.attempt is None and self.running and now >= self.due and (sync or self.wake_at() <= now):
            self.tick += max(0, (now - self.tick) // self.period + 1) * self.period
            self.stale = False
            self.begin(now, 1)

    def begin(self, now, number):
        self.id, self.attempt, self.deadline, self.requests = self.case.new_id(), number, now + self.timeout, 0
        http = self.spec.get("httpGet")
        target = http or self.spec["tcpSocket"]
        port = self.ports.get(target["port"], target["port"])
        self.case.do("try", id=self.id, probe="readiness", **self.place)
        if not str(port).isdigit() or not 0 < int(port) < 65536:
            return self.result(now, "error", f"invalid port: {port}")  # the prober's own fault: nothing to ask
        host = target.get("host") or self.address
        if not http:
            return self.case.do("ask", id=self.id, tcp={"host": host, "port": int(port), "timeoutNs": self.timeout})
        path = urlsplit(http.get("path") or "/")
        self.headers = [(h["name"].title(), h.get("value", "")) for h in http.get("httpHeaders") or []]
        if path.scheme and not path.netloc or any(re.search(r"[\x00-\x08\x0a-\x1f\x7f]", v) for _, v in self.headers):
            return self.result(now, "failure", "no such URL or header")
        where = ("/" + path.path.lstrip("/") if path.path[:1] != "/" else path.path) + ("?" + path.query if path.query else "")
        self.base = self.url = f"{(http.get('scheme') or 'HTTP').lower()}://{f'[{host}]' if ':' in host else host}:{port}{where}"
        return self.request(now, dict(self.headers).get("Host"), [])

    def request(self, now, host, more):
        u = urlsplit(self.url)
        target = re.sub("%(?![0-9a-fA-F]{2})", "%25", u.path or "/") + ("?" + u.query if u.query else "")
        own = [(n, v) for n, v in self.headers if n not in ("Host", "Connection", "Content-Length", "Transfer-Encoding")]
        defaults = [(n, v) for n, v in (("User-Agent", "kube-probe/1.37"), ("Accept", "*/*")) if n not in dict(own)]
        headers = [("Host", host or u.netloc)] + defaults + [h for h in own if h[1] or h[0] not in ("User-Agent", "Accept")]
        self.requests, self.host = self.requests + 1, host
        self.case.do("ask", id=self.id, http={
            "host": u.hostname, "port": u.port or (443 if u.scheme == "https" else 80), "tls": u.scheme == "https", "method": "GET",
            "target": re.sub(r"[^!-~]", lambda c: "".join(f"%{b:02X}" for b in c[0].encode()), target), "headers": headers + more + [("Connection", "close")],
            "timeoutNs": max(1, self.deadline - now), "bodyLimitBytes": 10 << 10, "redirectLimitBytes": 2 << 10})

    def answered(self, now, answer):
        """Says what an answer means: a class and a message, or None when there is more to ask."""
        http = answer.get("http", {})
        if answer["connect"] != "ok" or http and http.get("head") != "ok":
            return "failure", http.get("error") or "connect: " + answer["connect"]
        status, location = http.get("status", 0), next((v for n, v in http.get("headers", []) if n == "Location"), "")
        if status in (301, 302, 303, 307, 308) and location:
            try:
                there, to = urljoin(self.url, location), urlsplit(location)
                _, same = urlsplit(there).port, urlsplit(there).hostname == urlsplit(self.base).hostname and not (to.scheme and not to.netloc)
            except ValueError:
                return "failure", "failed to parse Location header: " + location
            if same and (self.requests >= 10 or now >= self.deadline):
                return "failure", "stopped after 10 redirects"
            if same:
                silent = "Referer" in dict(self.headers) or there[:5] == "http:" and self.url[:6] == "https:"
                referer = [] if silent else [("Referer", self.url)]
                self.url = there
                return self.request(now, None if to.scheme else self.host, referer)
        if http and http.get("body") not in ("ok", "limit") and not self.status_decides:
            return "error", http.get("error", "")
        if http and not 200 <= status < 400:
            return "failure", f"HTTP probe failed with statuscode: {status}"
        return ("warning", "Probe terminated redirects, Response body: " + http.get("text", "")) if status >= 300 else ("success", "")

    def result(self, now, outcome, message):
        retry = outcome == "error" and self.attempt < self.tries
        self.case.do("result", id=self.id, message=message, retry=retry, **{"class": outcome})
        if retry:
            return self.begin(now, self.attempt + 1)
        self.attempt = None
        if outcome != "error":  # errors are thrown away
            self.count(outcome != "failure")
        sync, self.again = self.again, False
        return self.check(now, sync)

    def count(self, passed):
        self.run, self.last = self.run + 1 if passed == self.last else 1, passed
        if self.run >= self.number("successThreshold" if passed else "failureThreshold") and not self.stale and self.running:
            self.publish(passed)  # a late result, of a container that is gone, publishes nothing


if __name__ == "__main__":
    serve({"name": "python-adapter", "version": "1.0", "language": "python"}, ["http", "tcp", "network-faults"], Worker)
