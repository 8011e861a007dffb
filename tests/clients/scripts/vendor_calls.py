"""An agent with three vendors' SDKs, set up by its environment alone: ``vendor_calls.py rooms``, ``… slack CHANNEL…``, ``… tables [URL]``.

Prints one JSON line: what each call gave, or what its error says to whoever prints it.
"""

import json
import os
import sys

KEY = {"id": {"S": "1"}}


def rooms():
    """A client that knows no .proto: it asks the server for its descriptors, as grpcurl does."""
    import grpc
    from google.protobuf import descriptor_pool, message_factory
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    key = grpc.access_token_call_credentials(os.environ["ROOMS_KEY"])
    credentials = grpc.composite_channel_credentials(grpc.ssl_channel_credentials(), key)
    with grpc.secure_channel("rooms.example.test:443", credentials) as channel:
        known = ProtoReflectionDescriptorDatabase(channel)
        yield "services", lambda: sorted(known.get_services())
        service = descriptor_pool.DescriptorPool(known).FindServiceByName("acme.v1.Rooms")

        def call(make, method, room):
            about = service.methods_by_name[method]
            request, answer = map(message_factory.GetMessageClass, (about.input_type, about.output_type))
            stub = make(f"/{service.full_name}/{method}", request.SerializeToString, answer.FromString)
            message = request()
            message.room.name = room
            return stub(message, timeout=20)

        for room in ("blue", "red", "green"):
            yield f"enter {room}", lambda room=room: call(channel.unary_unary, "Enter", room).name
            yield f"watch {room}", lambda room=room: [one.name for one in call(channel.unary_stream, "Watch", room)]


def slack():
    from slack_sdk import WebClient

    client = WebClient(token=os.environ["SLACK_BOT_TOKEN"])
    channels = {}

    def listed():
        channels.update((one["name"], one["id"]) for one in client.conversations_list()["channels"])
        return channels

    yield "list", listed
    for name in sys.argv[2:]:
        yield f"post {name}", lambda name=name: client.chat_postMessage(channel=name, text="hello").data


def tables():
    import boto3

    client = boto3.client("dynamodb", region_name="eu-central-1", endpoint_url=(sys.argv[2:] or [None])[0])
    item = {**KEY, "what": {"S": "a refund"}}
    for table in ("orders", "salaries"):
        yield f"put {table}", lambda table=table: len(client.put_item(TableName=table, Item=item)) == 1
        yield f"get {table}", lambda table=table: client.get_item(TableName=table, Key=KEY)["Item"]
    both = {table: {"Keys": [KEY]} for table in ("orders", "salaries")}
    yield "batch", lambda: client.batch_get_item(RequestItems=both)["Responses"]


def outcome(call):
    try:
        return call()
    except Exception as error:
        said = {"error": type(error).__name__, "text": str(error)}
        if hasattr(error, "details"):  # grpc.RpcError
            said |= {"code": error.code().name, "text": error.details()}
        elif isinstance(found := getattr(error, "response", None), dict):  # botocore's ClientError
            said |= {"code": found["Error"]["Code"], "id": found["ResponseMetadata"].get("RequestId", "")}
        return said


steps = {"rooms": rooms, "slack": slack, "tables": tables}[sys.argv[1]]
print(json.dumps({name: outcome(call) for name, call in steps()}))
