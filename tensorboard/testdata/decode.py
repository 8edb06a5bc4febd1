# Reads an event file with Google's protobuf and crcmod and prints what it finds.
# The messages are declared from the field numbers of TensorFlow's event.proto and
# summary.proto and of TensorBoard's plugin_data.proto and api.proto.
import json, struct, sys

import crcmod.predefined
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2

F = descriptor_pb2.FieldDescriptorProto
crc32c = crcmod.predefined.mkCrcFun("crc-32c")
pool = descriptor_pool.DescriptorPool()
pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
file = descriptor_pb2.FileDescriptorProto(name="events.proto", package="t", syntax="proto3", dependency=["google/protobuf/struct.proto"])


def declare(message, **fields):
    m = file.message_type.add(name=message)
    for key, (number, kind) in fields.items():
        many = isinstance(kind, list)
        kind = kind[0] if many else kind
        f = m.field.add(name=key, number=number, label=F.LABEL_REPEATED if many else F.LABEL_OPTIONAL)
        if isinstance(kind, str):
            f.type, f.type_name = F.TYPE_MESSAGE, kind
        else:
            f.type = kind
    return m


S, D, I, B, R = F.TYPE_STRING, F.TYPE_DOUBLE, F.TYPE_INT64, F.TYPE_BYTES, F.TYPE_FLOAT
declare("Event", wall_time=(1, D), step=(2, I), file_version=(3, S), summary=(5, ".t.Summary"))
declare("Summary", value=(1, [".t.Value"]))
declare("Value", tag=(1, S), simple_value=(2, R), metadata=(9, ".t.Metadata"))
declare("Metadata", plugin_data=(1, ".t.PluginData"))
declare("PluginData", plugin_name=(1, S), content=(2, B))
declare("HParams", version=(1, F.TYPE_INT32), experiment=(2, ".t.Experiment"), start=(3, ".t.Start"), end=(4, ".t.End"))
declare("Experiment", hparam_infos=(4, [".t.HParamInfo"]), metric_infos=(5, [".t.MetricInfo"]), name=(6, S))
declare("HParamInfo", name=(1, S), type=(4, F.TYPE_INT32))
declare("MetricInfo", name=(1, ".t.MetricName"))
declare("MetricName", group=(1, S), tag=(2, S))
start = declare("Start", hparams=(1, [".t.Start.HparamsEntry"]), group_name=(4, S), start_time_secs=(5, D))
entry = start.nested_type.add(name="HparamsEntry")
entry.options.map_entry = True
entry.field.add(name="key", number=1, label=F.LABEL_OPTIONAL, type=S)
entry.field.add(name="value", number=2, label=F.LABEL_OPTIONAL, type=F.TYPE_MESSAGE, type_name=".google.protobuf.Value")
declare("End", status=(1, F.TYPE_INT32), end_time_secs=(2, D))
pool.Add(file)


def new(name):
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("t." + name))()


def records(data):
    masked = lambda b: ((crc32c(b) >> 15 | crc32c(b) << 17) + 0xA282EAD8) & 0xFFFFFFFF
    while data:
        head, (n, c) = data[:8], struct.unpack("<QI", data[:12])
        assert c == masked(head)
        body, (c,) = data[12:12 + n], struct.unpack("<I", data[12 + n:16 + n])
        assert c == masked(body)
        yield body
        data = data[16 + n:]


out = {}
for i, record in enumerate(records(open(sys.argv[1], "rb").read())):
    e = new("Event")
    e.ParseFromString(record)
    out.setdefault("wall", e.wall_time)
    assert (e.file_version == "brain.Event:2") == (i == 0)
    for v in e.summary.value:
        if v.metadata.plugin_data.plugin_name != "hparams":
            out.setdefault(v.tag, []).append([e.step, v.simple_value])
            continue
        h = new("HParams")
        h.ParseFromString(v.metadata.plugin_data.content)
        if v.tag == "_hparams_/experiment":
            assert all(p.type == 3 for p in h.experiment.hparam_infos)
            out["experiment"] = {"name": h.experiment.name, "hparams": [p.name for p in h.experiment.hparam_infos], "metrics": [m.name.tag for m in h.experiment.metric_infos]}
        elif v.tag == "_hparams_/session_start_info":
            out["group"] = h.start.group_name
            out["hparams"] = {k: x.number_value for k, x in h.start.hparams.items()}
        elif v.tag == "_hparams_/session_end_info":
            out["status"] = h.end.status
print(json.dumps(out))
