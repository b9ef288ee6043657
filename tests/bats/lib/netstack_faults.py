#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""netstack_faults.py KIND EVERY: the plugin "netstack" under faults at each system call

On the host of a test (common.bash) with namespaces c0 and c1.  c0 is attached all the time, so that
bridge and tables are there; c1 is attached and detached with a fault at one place after the
other, each EVERY-th one.  What must be true after each:

  add-error    a call of the ADD fails: an error object, and nothing is left; or it does no harm
  add-kill     the ADD is killed at the call: one DEL, and nothing is left
  add-kill-gc  the same with one GC
  del-error    a call of the DEL fails: success and nothing is left, or an error object and the same
               after another DEL
  del-kill     the DEL is killed at the call: another DEL, and nothing is left
  daemon-kill  netstackd is killed at the call, while it starts: as add-error
  daemon-error a call of netstackd fails while it starts: as add-error

What is left: links, addresses, routes, rules, files, processes in the namespace.  A process that was
told to end, or whose parent was, is waited for.

Faults are strace's, without -f: of what the plugin starts nothing is traced, for no program that
serves sockets is to be.  netstackd is traced in daemon-*, where there is no program.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

CNI = os.environ["CNI_BIN"]
NETSTACKD = os.path.realpath(os.path.join(CNI, "../bin/netstackd"))
CONF = {
    "cniVersion": "1.1.0",
    "name": "faults",
    "type": "netstack",
    "bridge": "br0",
    "isGateway": True,
    "ipMasq": True,
    "macspoofchk": True,
    "ipam": {
        "type": "host-local",
        "ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/64"}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    },
}

# What a call may really answer.
ERRORS = {
    "openat": "EMFILE", "newfstatat": "EACCES", "mkdir": "ENOSPC", "unlink": "EIO",
    "unlinkat": "EIO", "linkat": "ENOSPC", "renameat": "ENOSPC", "read": "EIO",
    "pread64": "EIO", "write": "ENOSPC", "pwrite64": "ENOSPC", "getdents64": "EIO",
    "flock": "ENOLCK", "fcntl": "EINVAL", "ioctl": "EPERM", "setns": "EPERM", "socket": "EMFILE",
    "socketpair": "EMFILE", "pipe2": "EMFILE", "bind": "ENOMEM", "connect": "EAGAIN",
    "getsockname": "ENOBUFS", "getsockopt": "ENOBUFS", "setsockopt": "ENOPROTOOPT",
    "sendto": "ENOBUFS", "sendmsg": "ENOBUFS", "recvmsg": "ENOBUFS", "recvfrom": "EINTR",
    "poll": "ENOMEM", "ppoll": "EINTR", "clone": "EAGAIN", "getrandom": "EINTR",
    "pidfd_open": "EMFILE", "access": "EACCES", "mmap": "ENOMEM", "io_uring_setup": "EPERM",
    "epoll_create1": "EMFILE", "epoll_ctl": "ENOMEM", "eventfd2": "EMFILE", "listen": "EADDRINUSE",
    "signalfd4": "EMFILE", "prctl": "EPERM", "capset": "EPERM", "setresuid": "EAGAIN",
    "setrlimit": "EPERM", "prlimit64": "EPERM", "seccomp": "ENOMEM", "timerfd_create": "EMFILE",
    "accept4": "EMFILE", "chmod": "EROFS", "fchmod": "EROFS", "fstat": "EIO", "dup": "EMFILE",
}

# A sanitizer's allocator is not ours.
if "/asan/" in CNI or "/tsan/" in CNI:
    del ERRORS["mmap"]

STATE = r"""
ip -o link | sed 's/^[0-9]*: //; s/ state [A-Z]*//; s/@[^:]*//'
ip -o addr | sed 's/^[0-9]*: //; s/valid_lft.*//; s/ tentative//' | grep -v ' inet6 fe80'
ip -4 route show table all; ip -6 route show table all | grep -v '^multicast\|^ff00\|fe80::'
nft -s list ruleset
"""
FILES = "find /run /var/lib ! -path '/run/netns/*' ! -name 'last_reserved_ip.*' | sort"

found = []


def run(verb, container="c1", conf=None, strace=None, **env):
    """Call the plugin; Popen's result with stdout and stderr as text."""
    args = (strace or []) + [CNI + "/netstack"]
    variables = dict(
        os.environ,
        CNI_COMMAND=verb,
        CNI_CONTAINERID="id-" + container,
        CNI_NETNS="/run/netns/" + container,
        CNI_IFNAME="eth0",
        CNI_PATH=CNI,
        # Leaks are another test's matter, and the checker cannot work where strace does.
        ASAN_OPTIONS="detect_leaks=0",
        **env,
    )
    return subprocess.run(
        args, input=json.dumps(conf or CONF), text=True, env=variables, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
    )


def processes():
    """Those in the namespace of c1."""
    ns = os.stat("/run/netns/c1").st_ino
    there = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{pid}/ns/net").st_ino == ns:
                there.append("process in c1")
        except OSError:
            pass
    return there


def state():
    """All that could be left, as lines."""
    text = subprocess.run(
        ["sh", "-c", STATE + FILES + "\nnsenter --net=/run/netns/c1 sh -c \"$1\"", "sh", STATE],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
    ).stdout
    return text.splitlines() + processes()


def differs(before, may_stay=None):
    """Lines that are not as before, when they stay so.  A socket that nobody listens on is the next
    one's to remove.
    """
    end = time.monotonic() + 5
    while True:
        now = state()
        diff = ["+" + x for x in now if x not in before] + ["-" + x for x in before if x not in now]
        diff = [x for x in diff if not may_stay or not re.match(may_stay, x)]
        if not diff or time.monotonic() > end:
            return diff
        time.sleep(0.02)


def wrong(what, why, result=None):
    """A finding."""
    found.append(what)
    print(f"{what}: {why}")
    if result is not None:
        print("   ", result.returncode, result.stdout.replace("\n", " "), result.stderr)


def must(what, verb, **kwargs):
    """A call without a fault."""
    result = run(verb, **kwargs)
    if result.returncode != 0:
        wrong(what, verb + " without a fault", result)
    return result


def is_error(result):
    """It ended as one that fails has to: with an error object."""
    try:
        obj = json.loads(result.stdout)
    except ValueError:
        return False
    return result.returncode == 1 and obj["code"] > 0 and bool(obj["msg"])


# --- places ---

CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)")


def places(trace, begins):
    """(name, n-th of its name, line) of each call, from the one that main() begins with."""
    count = {}
    calls = []
    begun = False
    with open(trace, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            call = CALL.match(line)
            if not call:
                continue
            name = call[1]
            count[name] = count.get(name, 0) + 1
            begun = begun or begins in line
            if begun and name != "exit_group":
                calls.append((name, count[name], line.strip()[:100]))
    return calls


def injection(kind, place):
    """Arguments of strace; None where the call has no error."""
    name, n, _ = place
    if kind.startswith("kill"):
        what = "signal=KILL"
    elif name in ERRORS:
        what = "error=" + ERRORS[name]
    else:
        return None
    return ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={name}",
            "-e", f"inject={name}:{what}:when={n}"]


# --- judging ---

def judge_add(what, result, before):
    """An ADD that was not killed."""
    if result.returncode == 0:
        must(what, "CHECK", conf=dict(CONF, prevResult=json.loads(result.stdout)))
        must(what, "DEL")
    # With its output broken nobody can say anything.
    elif not is_error(result) and "write(1," not in what:
        wrong(what, "no error object", result)
    elif "write(1," in what:
        must(what, "DEL")
    diff = differs(before)
    if diff:
        wrong(what, f"left behind: {diff}", result)
        must(what, "DEL")


def after_kill(what, before, verb="DEL"):
    """One call, and it is as before."""
    if verb == "GC":
        conf = dict(CONF, **{"cni.dev/valid-attachments": [
            {"containerID": "id-c0", "ifname": "eth0"}]})
        result = must(what, "GC", conf=conf)
    else:
        result = must(what, "DEL")
    diff = differs(before)
    if diff:
        wrong(what, f"left behind after {verb}: {diff}", result)
        must(what, "DEL")


def learn(verb, work):
    """The calls of a verb that goes well."""
    trace = work + "/trace"
    result = run(verb, strace=["strace", "-qq", "-o", trace])
    if result.returncode != 0:
        sys.exit(f"{verb} without a fault: {result.stdout} {result.stderr}")
    return places(trace, "SIGPIPE")


def test_add(fault, every, before, work, verb="DEL"):
    """ADD with an error, or killed."""
    calls = learn("ADD", work)
    must("", "DEL")
    for place in calls[::every]:
        strace = injection(fault, place)
        if not strace:
            continue
        what = f"ADD, {fault} at {place[2]}"
        result = run("ADD", strace=strace)
        if fault == "kill":
            after_kill(what, before, verb)
        else:
            judge_add(what, result, before)
        yield what


def test_del(fault, every, before, work):
    """DEL with an error, or killed."""
    must("", "ADD")
    calls = learn("DEL", work)
    for place in calls[::every]:
        strace = injection(fault, place)
        if not strace:
            continue
        what = f"DEL, {fault} at {place[2]}"
        must(what, "ADD")
        result = run("DEL", strace=strace)
        if fault == "error" and result.returncode == 0:
            diff = differs(before, may_stay=r"^\+/run/fairlead/netstack/.*\.sock$")
            # What cannot be read has no owner: then it is said, and GC's matter.
            if diff and "nobody can release it" not in result.stderr:
                wrong(what, f"success, but left behind: {diff}", result)
        elif fault == "error" and not is_error(result) and "write(1," not in what:
            wrong(what, "no error object", result)
        after_kill(what, before)
        yield what


def test_daemon(fault, every, before, work):
    """ADD with a netstackd that fails, or is killed, while it starts."""
    wrapper = work + "/netstackd"
    trace = work + "/trace"

    def wrap(args):
        with open(wrapper, "w", encoding="utf-8") as to:
            words = " ".join(f"'{a}'" for a in args)
            to.write(f"#!/bin/sh\nexec {words} {NETSTACKD} \"$@\"\n")
        os.chmod(wrapper, 0o755)

    conf = dict(CONF, daemon=wrapper)
    wrap(["strace", "-qq", "-o", trace])
    must("", "ADD", conf=conf)
    must("", "DEL", conf=conf)
    calls = places(trace, "SIGPIPE")
    ready = next(i for i, c in enumerate(calls) if c[2].startswith("write(3,"))
    for place in calls[: ready + 1 : every]:
        strace = injection(fault, place)
        if not strace:
            continue
        what = f"netstackd, {fault} at {place[2]}"
        wrap(strace)
        result = run("ADD", conf=conf)
        judge_add(what, result, before)
        yield what


def main():
    """All places of one kind."""
    kind, every = sys.argv[1], int(sys.argv[2])
    tests = {
        "add-error": lambda *a: test_add("error", *a),
        "add-kill": lambda *a: test_add("kill", *a),
        "add-kill-gc": lambda *a: test_add("kill", *a, verb="GC"),
        "del-error": lambda *a: test_del("error", *a),
        "del-kill": lambda *a: test_del("kill", *a),
        "daemon-kill": lambda *a: test_daemon("kill", *a),
        "daemon-error": lambda *a: test_daemon("error", *a),
    }
    must("c0", "ADD", container="c0")
    # What is made once, and what the first DEL leaves for ever.
    must("c1", "ADD")
    must("c1", "DEL")
    end = time.monotonic() + 5
    while processes() and time.monotonic() < end:
        time.sleep(0.02)
    before = state()
    n = 0
    with tempfile.TemporaryDirectory() as work:
        for what in tests[kind](every, before, work):
            n += 1
            if os.environ.get("FAULTS_VERBOSE"):
                print(what)
            if len(found) >= 10:
                break
    must("c0", "DEL", container="c0")
    print(f"{kind}: {n} places, {len(found)} wrong")
    return 1 if found or not n else 0


if __name__ == "__main__":
    sys.exit(main())
