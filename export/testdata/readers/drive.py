"""Reads an export with a trainer's own reader, from a checkout of it.

    drive.py TRAINER CHECKOUTS EXPORT

The files of the reader run as they are. What they import beside Python, NumPy and
PyTorch is replaced by empty modules where it is not installed, and packages are
entered without running their __init__, so that a reader needs nothing of the rest
of its project. Prints JSON: "sums", the SHA-256 of every training token of each
domain in the order of the files (uint32), and "counts", how many of the first
100,000 sequences are of each domain.
"""

import asyncio
import glob
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import inspect
import itertools
import json
import os
import sys
import types

import numpy as np
import torch

SEQUENCES = 100_000
trainer, checkouts, export = sys.argv[1:4]
manifest = json.load(open(os.path.join(export, "manifest.json")))
domains = manifest["domains"]
CONTEXT = manifest["context"]
os.chdir(export)


class Kind(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Kind(name, (Anything,), {})

    def __or__(cls, other):  # in annotations
        return cls

    __ror__ = __or__


class Anything(metaclass=Kind):
    """Stands for what a reader imports and does not need to read these files."""

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return args[0] if args and callable(args[0]) else self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __bool__(self):
        return False

    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass

    def __iter__(self):
        return iter(())


class Empty(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Kind(name, (Anything,), {})


class Missing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds an empty module for what is not installed."""

    names = set("boto3 botocore awkward multistorageclient packaging cached_path dataclass_extensions filelock rich numba tqdm "
                "loguru lightning_utilities lightning_sdk transformers PIL fsspec requests google cachetools".split())

    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in self.names:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Empty(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.append(Missing())


def enter(root, *packages):
    """Makes packages of folders, without what their __init__ would import."""
    for name in packages:
        m = types.ModuleType(name)
        m.__path__ = [os.path.join(checkouts, root, *name.split("."))]
        sys.modules[name] = m


def stub(name, **values):
    m = sys.modules[name] = Empty(name)
    for k, v in values.items():
        setattr(m, k, v)


def digest(chunks):
    h = hashlib.sha256()
    for c in chunks:
        h.update(np.ascontiguousarray(np.asarray(c).astype(np.uint32)).tobytes())
    return h.hexdigest()


def megatron():
    enter("Megatron-LM", "megatron", "megatron.core", "megatron.core.datasets")
    stub("megatron.core.utils", log_single_rank=lambda *a, **k: None)
    stub("megatron.core.msc_utils", maybe_msc=types.SimpleNamespace(open=open, os=os), MultiStorageClientFeature=type("M", (), {"is_enabled": staticmethod(lambda: False)}))
    reader = importlib.import_module("megatron.core.datasets.indexed_dataset")
    split = json.load(open("blend-per-split.json"))["train"]
    weights, prefixes = [float(w) for w in split[::2]], split[1::2]
    counted = json.load(open("sequences.json")) if os.path.exists("sequences.json") else {}
    sums = {}
    for d, p in zip(domains, prefixes):
        x = reader.IndexedDataset(p)
        assert x.document_indices[-1] == len(x), "documents"
        if p in counted:
            assert counted[p] == [len(x), len(x.document_indices)], "sequences.json"
        sums[d["folder"]] = digest(x[i] for i in range(len(x)))
    # Its helpers.cpp, compiled by the test beside this program.
    from subprocess import run

    w = np.array(weights) / np.sum(weights)
    out = run([os.environ["CLIMB_BLEND"], str(SEQUENCES)], input=" ".join(float(x).hex() for x in w), capture_output=True, text=True, check=True)
    return sums, dict(zip([d["folder"] for d in domains], json.loads(out.stdout)))


def olmo():
    enter("OLMo-core/src", "olmo_core", "olmo_core.data")
    stub("rich.console"), stub("rich.progress"), stub("rich.table"), stub("rich.text")
    # Its Config brings methods to read and write configurations, which stay unused.
    stub("olmo_core.config", Config=type("Config", (), {}), StrEnum=str)
    stub("olmo_core.data.types", NumpyUIntTypes=None)
    # Its io goes to buckets; of local files this is what it does.
    stub("olmo_core.io", deterministic_glob_directory=lambda p: sorted(glob.glob(p)), file_exists=os.path.exists, get_file_size=os.path.getsize)
    mixture = importlib.import_module("olmo_core.data.source_mixture")
    import yaml

    raw = yaml.safe_load(open("mixture.yaml"))
    sources = mixture.SourceMixtureList(sources=[mixture.SourceMixtureConfig(**s) for s in raw["sources"]])
    dtype = np.uint16 if manifest["vocab"] <= 1 << 16 else np.uint32
    # As many sequences as are asked for, as far as the repetition that mixture.yaml allows goes.
    n = min(SEQUENCES, manifest["tokens"] // CONTEXT)
    built = mixture.SourceMixtureDatasetConfig(source_list=sources, requested_tokens=n * CONTEXT, global_batch_size=CONTEXT, render_tables=False, quiet=True).build(npdtype=dtype, sequence_length=CONTEXT)
    counts, sums = {}, {}
    for outcome in built.sources:
        counts[outcome.name] = sum(p.tokens for p in outcome.path_tokens) // CONTEXT
        files = sorted(set(str(p.path) for p in outcome.path_tokens))
        sums[outcome.name] = digest(np.memmap(f, dtype=dtype, mode="r") for f in files)
    return sums, counts


def mds():
    enter("streaming", "streaming", "streaming.base", "streaming.base.format", "streaming.base.format.base", "streaming.base.format.mds")
    stub("streaming.base.util", bytes_to_int=int)
    reader = importlib.import_module("streaming.base.format.mds.reader")
    for name in "compression constant distributed hashing registry_utils storage world".split():
        stub("streaming.base." + name)
    stub("streaming.base.format", FileInfo=reader.FileInfo, Reader=object)
    sys.modules["streaming.base.util"].retry = None
    stream = importlib.import_module("streaming.base.stream")
    import yaml

    streams = yaml.safe_load(open("train_loader.yaml"))["train_loader"]["dataset"]["streams"]
    sums, sizes = {}, []
    for name, s in streams.items():
        index = json.load(open(os.path.join(s["local"], "index.json")))
        shards = [reader.MDSReader.from_json(s["local"], None, shard) for shard in index["shards"]]
        sums[name] = digest(shard[i]["tokens"] for shard in shards for i in range(len(shard)))
        sizes.append(sum(len(shard) for shard in shards))
    made = []
    for s in streams.values():
        x = stream.Stream.__new__(stream.Stream)
        x._proportion = x.proportion = s["proportion"]
        made.append(x)
    stream.Stream.apply_weights(made, np.array(sizes, np.int64), SEQUENCES, 9176)
    return sums, {name: int(x.choose) for name, x in zip(streams, made)}


def nanotron():
    class Local:  # of fsspec, what the reader calls
        def size(self, path):
            return os.path.getsize(path)

        def open(self, path, mode):
            return open(path, mode)

        def glob(self, pattern, maxdepth=None):
            return glob.glob(pattern)

        def unstrip_protocol(self, path):
            return path

    stub("numba", jit=lambda *a, **k: lambda f: f)  # the same code, interpreted
    enter("nanotron/src", "nanotron", "nanotron.data")
    stub("nanotron.logging", get_logger=lambda *a: Anything(), log_rank=lambda *a, **k: None, INFO=20)
    sys.modules["nanotron"].logging = sys.modules["nanotron.logging"]
    enter("datatrove/src", "datatrove", "datatrove.utils")
    stub("datatrove.io", get_fs_with_filepath=lambda path: (Local(), path))
    stub("datatrove.utils._import_utils", is_torch_available=lambda: True, is_fasteners_available=lambda: False)
    files = importlib.import_module("datatrove.utils.dataset")
    nanoset = importlib.import_module("nanotron.data.nanoset")
    import yaml

    data = yaml.safe_load(open("nanotron.yaml"))["data_stages"][0]["data"]["dataset"]
    sums = {}
    for d, folder in zip(domains, data["dataset_folder"]):
        name, width = open(sorted(glob.glob(folder + "/*.metadata"))[0]).readline().strip().split("|")
        assert int(width) == data["token_size_in_bytes"] and os.path.isdir(name), "metadata"
        chunks = []
        for f in sorted(glob.glob(folder + "/*.ds")):
            n = os.path.getsize(f) // int(width)
            if n:
                chunks.append(files.DatatroveFileDataset(f, n - 1, token_size=int(width))[0]["input_ids"].numpy())
        sums[d["folder"]] = digest([np.concatenate(chunks)])
    # The interleave of nanotron itself. Its constructor calls an older datatrove
    # than the newest one, with another name for one argument, so it is not run.
    x = nanoset.Nanoset.__new__(nanoset.Nanoset)
    x.dataset_lengths = [sum(len(files.DatatroveFileDataset(f, CONTEXT, token_size=data["token_size_in_bytes"])) for f in glob.glob(folder + "/*.ds")) for folder in data["dataset_folder"]]
    x.dataset_weights, x.random_seed, x.train_split_num_samples = nanoset.normalize(data["dataset_weights"]), 1234, SEQUENCES
    index, _ = x.build_nanoset_index()
    counts = np.bincount(index.astype(np.int64), minlength=len(domains))
    return sums, {d["folder"]: int(c) for d, c in zip(domains, counts)}


def litdata():
    torch.uint16 = getattr(torch, "uint16", torch.int16)  # newer than this PyTorch, and not used
    enter("litData/src", "litdata", "litdata.streaming", "litdata.utilities")
    stub("litdata.debugger"), stub("litdata.utilities.encryption"), stub("litdata.streaming.serializers"), stub("litdata.streaming.posix_fast")
    loader = importlib.import_module("litdata.streaming.item_loader")
    if not hasattr(torch.int32, "itemsize"):  # of newer PyTorch; this stands for the type
        kind, frombuffer = types.SimpleNamespace(itemsize=4), torch.frombuffer
        loader._TORCH_DTYPES_MAPPING[16] = kind
        torch.frombuffer = lambda b, dtype, **k: frombuffer(b, dtype=torch.int32 if dtype is kind else dtype, **k)
    sums = {}
    for d in domains:
        folder = os.path.join("train", d["folder"])
        index = json.load(open(os.path.join(folder, "index.json")))
        chunks, total = [], []
        for i, c in enumerate(index["chunks"]):
            x = loader.TokensLoader(block_size=c["dim"])
            x.setup(index["config"], index["chunks"], {"no_header_tensor": Anything()})
            path = os.path.join(folder, c["filename"])
            assert os.path.getsize(path) == 4 * (2 + c["chunk_size"]) + c["chunk_bytes"], "chunk_bytes"
            begin = x.generate_intervals()[i][0]
            total.append(x.load_item_from_chunk(begin, i, path, begin, c["chunk_bytes"]).numpy())
        sums[d["folder"]] = digest(total)
    # The draw of its CombinedStreamingDataset, over data sets that give their number.
    stub("litdata.streaming.dataset"), stub("litdata.utilities.env")
    stub("litdata.utilities.base", __NUM_SAMPLES_YIELDED_KEY__="n", __SAMPLES_KEY__="s", _BaseStreamingDatasetWrapper=object)
    combined = importlib.import_module("litdata.streaming.combined")
    fragment = {}
    stub("litdata.streaming", CombinedStreamingDataset=dict, StreamingDataset=lambda folder, **k: folder, TokensLoader=dict)
    exec(open("dataset.py").read(), fragment)
    train = fragment["train"]
    weights = [w / sum(train["weights"]) for w in train["weights"]]
    drawn = combined._CombinedDatasetIterator([itertools.repeat(i) for i in range(len(weights))], train["seed"], weights, False, None, 1, "stratified")
    counts = np.bincount([next(drawn) for _ in range(SEQUENCES)], minlength=len(weights))
    return sums, {os.path.basename(folder): int(c) for folder, c in zip(train["datasets"], counts)}


def levanter():
    """The blocks of its MixtureDataset, in whole blocks: 49 of 2048 sequences."""
    enter("levanter/src", "levanter", "levanter.utils")
    for name in "jax jax.random jaxtyping haliax haliax.util async_lru".split():
        stub(name)
    stub("async_lru", alru_cache=lambda *a, **k: lambda f: f)
    stub("haliax.util", StringHolderEnum=type("Names", (type,), {"__contains__": lambda cls, x: x in [v for k, v in vars(cls).items() if k.isupper()]}))
    stub("levanter.data", AsyncDataset=type("AsyncDataset", (), {"__class_getitem__": classmethod(lambda cls, x: cls), "__init__": lambda self: None}))
    sys.modules["levanter.data"].__path__ = [os.path.join(checkouts, "levanter/src/levanter/data")]
    stub("levanter.schedule"), stub("levanter.utils.thread_utils")
    mixture = importlib.import_module("levanter.data.mixture")
    import yaml

    data = yaml.safe_load(open("data.yaml"))["data"]
    block, stages = data["mixture_block_size"], data["train_weights"]
    sequences = manifest.get("batch", 1)  # stages are given by steps
    if isinstance(stages, list):
        stages = [(step * sequences, weights) for step, weights in stages]
    names = list(data["configs"])
    m = mixture.MixtureDataset({n: None for n in names}, stages, block, randomize_blocks=False, key=None)

    def count(first, last):
        counts = np.zeros(len(m.datasets), np.int64)
        for b in range(first // block, last // block):
            ids = m._get_block(b)
            if inspect.iscoroutine(ids):  # of some versions
                ids = asyncio.run(ids)
            counts += np.bincount(np.asarray(ids) >> 16, minlength=len(counts))
        return {n: int(c) for n, c in zip(m.dataset_index, counts)}

    if isinstance(stages, dict):
        return {}, count(0, -(-SEQUENCES // block) * block)
    starts = [start for start, _ in stages] + [stages[-1][0] + 10 * block]
    return {"phase %d" % k: json.dumps(count(a, b)) for k, (a, b) in enumerate(zip(starts, starts[1:]))}, None


sums, counts = globals()[trainer]()
print(json.dumps({"sums": sums, "counts": counts, "python": sys.version.split()[0], "numpy": np.__version__, "torch": torch.__version__}))
