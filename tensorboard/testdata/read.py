# Reads a folder of event files with TensorBoard itself and prints what it finds.
import json, sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2

acc = event_accumulator.EventAccumulator(sys.argv[1])
acc.Reload()
out = {"wall": acc.FirstEventTimestamp()}
for tag in acc.Tags()["scalars"]:
    out[tag] = [[e.step, e.value] for e in acc.Scalars(tag)]
for content in acc.PluginTagToContent("hparams").values():
    data = plugin_data_pb2.HParamsPluginData.FromString(content)
    if data.HasField("experiment"):
        x = data.experiment
        out["experiment"] = {"name": x.name, "hparams": [h.name for h in x.hparam_infos], "metrics": [m.name.tag for m in x.metric_infos]}
    if data.HasField("session_start_info"):
        out["group"] = data.session_start_info.group_name
        out["hparams"] = {k: v.number_value for k, v in data.session_start_info.hparams.items()}
    if data.HasField("session_end_info"):
        out["status"] = data.session_end_info.status
print(json.dumps(out))
