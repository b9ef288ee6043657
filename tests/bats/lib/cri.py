# SPDX-License-Identifier: GPL-2.0-or-later
"""cri.py - ask a container runtime over the Container Runtime Interface

	cri.py SOCKET METHOD [JSON]	a call of the runtime service; prints the answer as JSON
	cri.py SOCKET exec ID COMMAND...	run it in the container; its output and its status

cri_pb2, which protoc makes of cri.proto, is found in PYTHONPATH.  Exit status: that of the
command; 2 for wrong use; 3 when the runtime answers with an error.
"""
import json
import sys

import grpc
from google.protobuf import json_format

import cri_pb2

# Seconds for one call; commands of the tests end by themselves.
TIMEOUT = 25


def call(path, method, request):
    """One call; raises grpc.RpcError."""
    response = getattr(cri_pb2, method + "Response")
    with grpc.insecure_channel("unix://" + path) as channel:
        ask = channel.unary_unary(
            "/runtime.v1.RuntimeService/" + method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        return ask(request, timeout=TIMEOUT)


def run(path, container, command):
    """A command in a container."""
    request = cri_pb2.ExecSyncRequest(container_id=container, cmd=command, timeout=TIMEOUT)
    answer = call(path, "ExecSync", request)
    sys.stdout.buffer.write(answer.stdout)
    sys.stderr.buffer.write(answer.stderr)
    return answer.exit_code


def main(args):
    if len(args) < 2 or (args[1] == "exec" and len(args) < 4):
        print(__doc__, file=sys.stderr)
        return 2
    path, method = args[:2]
    try:
        if method == "exec":
            return run(path, args[2], args[3:])
        request = getattr(cri_pb2, method + "Request")()
        json_format.ParseDict(json.loads(args[2]) if len(args) > 2 else {}, request)
        answer = call(path, method, request)
    except grpc.RpcError as error:
        print(f"{method}: {error.details()}", file=sys.stderr)
        return 3
    print(json.dumps(json_format.MessageToDict(answer, preserving_proto_field_name=True)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
