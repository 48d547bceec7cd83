#!/usr/bin/env python3
"""A prober that is wrong on purpose: the first failure takes the VM out of service. The suite must notice."""
from lockstep import serve
from prober import Worker


class Hasty(Worker):
    def number(self, field):
        return 1 if field == "failureThreshold" else super().number(field)


if __name__ == "__main__":
    serve({"name": "hasty-adapter", "language": "python"}, ["http", "tcp", "network-faults"], Hasty)
