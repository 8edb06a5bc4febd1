"""The PyTorch trainer of climb: proxies on a CPU, on a GPU, on several.

usage: trainer.py FOLDER

climb writes order.json and the rows to score into FOLDER, and runs this file. What it prints is JSON, a line a
step; it leaves result.json, the log-likelihoods of the rows (*.answers) and, where a job asks for them, the
trained weights. The jobs of one order have one shape and train side by side, their weights stacked.

It is the same training as climb's own: the model is Llama (Touvron et al. 2023, arXiv 2302.13971) with tied
embeddings, the sequences are drawn in the same order from the same seed, and AdamW, the schedules and the clipping
follow the same formulas; in float32 losses agree to 1e-4. To change it, copy this file and name the copy in
proxy.torch.file: proxies that another file trained are other proxies, and are trained anew.

Needs PyTorch 1.13 or later, and NumPy.
"""

import json
import math
import os
import sys
import threading
import time
from contextlib import nullcontext


def give_up(message):
    """The job cannot be trained here, and trying again will not help: climb looks for this line."""
    print("give up:", message, file=sys.stderr, flush=True)
    os._exit(2)


try:
    import numpy as np
    import torch
    import torch.distributed as dist
    import torch.nn.functional as F
except ImportError as e:
    give_up(f"{sys.executable} cannot import PyTorch ({e}): pip install torch numpy, on Debian apt install "
            "python3-torch, or name an interpreter that has them in proxy.torch.python")

# ACCEPTS is what this file understands of a Job: an object lists the fields, a list the values, and true is
# anything. climb reads it, and refuses a Job with anything else before training; fields that are empty, 0 or
# false do not count. A copy that can do more says so here.
ACCEPTS = json.loads("""
{
  "mixture": true, "seed": true, "domains": true, "tokenizer": true, "tokens": true, "batch": true,
  "model": {"vocab": true, "width": true, "layers": true, "heads": true, "hidden": true, "context": true,
            "rope_theta": true, "norm_eps": true},
  "init": true, "save": true, "stable": true, "curve": true, "items": true,
  "target": true, "test": true,
  "optim": {
    "lr": true, "min_lr": true, "warmup": true, "clip": true, "precision": ["float32", "bfloat16"],
    "optimizer": {"method": ["adamw"],
                  "adamw": {"beta1": true, "beta2": true, "eps": true, "weight_decay": true, "disable_decay": true}},
    "schedule": {"method": ["wsd", "cosine", "linear", "constant"],
                 "wsd": {"decay": true, "shape": ["linear", "sqrt", "cosine", "exponential"]}}
  }
}
""")


# ---------------------------------------------------------------- the data

MASK64 = (1 << 64) - 1


def mix64(x):
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014), of uint64 arrays."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def pcg_floats(seed, stream, n):
    """n numbers in [0, 1) of Go's math/rand/v2, rand.New(rand.NewPCG(seed, stream)).Float64()."""
    state, out = seed << 64 | stream, []
    for _ in range(n):
        state = (state * (2549297995355413924 << 64 | 4865540595714422341)
                 + (6364136223846793005 << 64 | 1442695040888963407)) & ((1 << 128) - 1)
        hi, lo = state >> 64, state & MASK64
        hi ^= hi >> 32
        hi = hi * 0xDA942042E4DD58B5 & MASK64
        hi ^= hi >> 48
        hi = hi * (lo | 1) & MASK64
        out.append((hi & ((1 << 53) - 1)) / (1 << 53))
    return out


class Tokens:
    """A Megatron dataset, PREFIX.bin and PREFIX.idx, as one run of tokens."""

    def __init__(self, prefix):
        with open(prefix + ".idx", "rb") as f:
            head = f.read(34)
        if head[:9] != b"MMIDIDX\0\0" or head[17] not in (4, 8):
            give_up(f"{prefix}.idx is not a Megatron index of int32 or uint16 tokens")
        dtype = {4: "<i4", 8: "<u2"}[head[17]]
        self.n = os.path.getsize(prefix + ".bin") // np.dtype(dtype).itemsize
        self.data = np.memmap(prefix + ".bin", dtype, "r", shape=(self.n,)) if self.n else np.zeros(0, dtype)


class Sampler:
    """Draws training sequences: after every draw the tokens of each domain are within one sequence of its share,
    and a domain is read without repetition, in an order that depends on seed and epoch. Bit for bit climb's own
    (train/sampler.go)."""

    def __init__(self, domains, mixture, length, seed):
        self.files, self.w, self.length, self.seed = domains, np.array(mixture, np.float64), length, seed
        self.phase = np.array(pcg_floats(seed, 0x5A3B1E, len(mixture)), np.float64) - 0.5
        self.drawn, self.total = np.zeros(len(mixture), np.int64), 0
        self.chunks = np.array([max(1, -(-f.n // length)) for f in domains], np.uint64)
        bits = [int(max(c, 2) - 1).bit_length() for c in self.chunks.tolist()]
        self.half = np.array([(b + 1) // 2 for b in bits], np.uint64)

    def pick(self):
        """The domain of the next sequence, and which of its sequences that is."""
        want = self.w * float(self.total + 1)
        lag = want + self.phase * np.minimum(1.0, want) - self.drawn
        lag[self.w <= 0] = -np.inf
        d = int(np.argmax(lag))
        i = int(self.drawn[d])
        self.drawn[d] += 1
        self.total += 1
        return d, i

    def batch(self, n):
        """The next n sequences, n x (length + 1)."""
        picks = [self.pick() for _ in range(n)]
        d, i = np.array([p[0] for p in picks], np.int64), np.array([p[1] for p in picks], np.uint64)
        chunks = self.chunks[d]
        epoch = i // chunks
        key = mix64(np.uint64(self.seed) ^ mix64(d.astype(np.uint64) + np.uint64(1))
                    ^ mix64((epoch << np.uint64(20)) + np.uint64(7)))
        at = self.permute(i % chunks, chunks, key, self.half[d]) * np.uint64(self.length) + key % np.uint64(self.length)
        out = np.empty((n, self.length + 1), np.int64)
        for k in range(n):
            f = self.files[d[k]]
            start = int(at[k]) % f.n
            row = f.data[start : start + self.length + 1]
            if len(row) <= self.length:  # the end of a domain is followed by its start
                row = f.data[(start + np.arange(self.length + 1)) % f.n]
            out[k] = row
        return out

    @staticmethod
    def permute(i, n, key, half):
        """A four-round Feistel network, walked until it lands below n (Black and Rogaway 2002)."""
        mask, i = (np.uint64(1) << half) - np.uint64(1), i.copy()
        todo = np.ones(len(i), bool)
        while todo.any():
            l, r = i >> half, i & mask
            for turn in range(4):
                l, r = r, l ^ (mix64(r ^ key ^ np.uint64(turn << 56)) & mask)
            i = np.where(todo, l << half | r, i)
            todo &= i >= n
        return i


class Noise:
    """Random tokens in the place of a Sampler, to measure speed."""

    def __init__(self, vocab, length, seed):
        self.rng, self.vocab, self.length = np.random.default_rng(seed), vocab, length

    def batch(self, n):
        return self.rng.integers(0, self.vocab, (n, self.length + 1))


# ---------------------------------------------------------------- the model

# Every parameter has the models of a stack as its first dimension; one model is a stack of one. Projections that
# read the same input are one matrix here and several in a file.
PARTS = {
    "norm1": ["input_layernorm"], "qkv": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "out": ["self_attn.o_proj"], "norm2": ["post_attention_layernorm"], "gu": ["mlp.gate_proj", "mlp.up_proj"],
    "down": ["mlp.down_proj"],
}


class Llama(torch.nn.Module):
    def __init__(self, shape, models, fused=False):
        super().__init__()
        self.c, self.models, self.fused = shape, models, fused
        v, w, h, layers = shape["vocab"], shape["width"], shape["hidden"], shape["layers"]
        blank = lambda *size: torch.nn.Parameter(torch.empty(models, *size))
        self.embed = blank(v, w)
        sizes = {"norm1": (w,), "qkv": (3 * w, w), "out": (w, w), "norm2": (w,), "gu": (2 * h, w), "down": (w, h)}
        self.layers = torch.nn.ModuleList(
            torch.nn.ParameterDict({name: blank(*size) for name, size in sizes.items()}) for _ in range(layers))
        self.norm = blank(w)
        half = w // shape["heads"] // 2
        angle = torch.outer(torch.arange(shape["context"], dtype=torch.float64),
                            shape["rope_theta"] ** (-torch.arange(half, dtype=torch.float64) / half))
        self.register_buffer("cos", torch.cos(angle).float(), persistent=False)
        self.register_buffer("sin", torch.sin(angle).float(), persistent=False)

    def tensors(self):
        """The names of the tensors of a file, each with the parameter and the rows of it that they are."""
        yield "model.embed_tokens.weight", self.embed, None
        for l, layer in enumerate(self.layers):
            for name, parts in PARTS.items():
                rows = layer[name].shape[1] // len(parts)
                for k, part in enumerate(parts):
                    yield f"model.layers.{l}.{part}.weight", layer[name], slice(k * rows, (k + 1) * rows)
        yield "model.norm.weight", self.norm, None

    def rms_norm(self, x, gain):  # x is models x rows x width
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.c["norm_eps"]) * gain.unsqueeze(1)

    def attend(self, qkv, b, t):
        m, heads, d = self.models, self.c["heads"], self.c["width"] // self.c["heads"]
        q, k, v = qkv.view(m * b, t, 3, heads, d).permute(2, 0, 3, 1, 4)
        cos, sin = self.cos[:t], self.sin[:t]
        def turn(x):  # dimension i with i + d/2, as in transformers' Llama
            a, z = x.chunk(2, -1)
            return torch.cat([a * cos - z * sin, z * cos + a * sin], -1).to(v.dtype)
        q, k = turn(q), turn(k)
        if self.fused:
            out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            later = torch.ones(t, t, dtype=torch.bool, device=q.device).triu(1)
            scores = (q @ k.transpose(-1, -2) / math.sqrt(d)).float().masked_fill(later, float("-inf"))
            out = torch.softmax(scores, -1).to(v.dtype) @ v
        return out.transpose(1, 2).reshape(m, b * t, heads * d)

    def hidden(self, tokens):
        """What the output layer reads, models x (b t) x width; tokens is models x b x t."""
        m, b, t = tokens.shape
        start = torch.arange(m, device=tokens.device).view(m, 1, 1) * self.c["vocab"]
        x = F.embedding(tokens + start, self.embed.view(m * self.c["vocab"], -1)).view(m, b * t, -1)
        for w in self.layers:
            h = self.rms_norm(x, w["norm1"])
            x = x + torch.bmm(self.attend(torch.bmm(h, w["qkv"].transpose(1, 2)), b, t), w["out"].transpose(1, 2))
            gate, up = torch.bmm(self.rms_norm(x, w["norm2"]), w["gu"].transpose(1, 2)).chunk(2, -1)
            x = x + torch.bmm(F.silu(gate) * up, w["down"].transpose(1, 2))
        return self.rms_norm(x, self.norm)

    def forward(self, tokens):
        """The nats of the tokens of each model, all but the first of every row: models."""
        logits = torch.bmm(self.hidden(tokens[:, :, :-1]), self.embed.transpose(1, 2)).float()
        nats = F.cross_entropy(logits.flatten(0, 1), tokens[:, :, 1:].reshape(-1), reduction="none")
        return nats.view(self.models, -1).sum(1)


# Safetensors: eight bytes of header length, JSON, and the tensors one behind the other.

def load(folder, model, k):
    """Fills model k of the stack."""
    path = os.path.join(folder, "model.safetensors")
    data = np.memmap(path, np.uint8, "r")
    n = int(data[:8].view("<u8")[0])
    entries = json.loads(data[8 : 8 + n].tobytes())
    for name, p, rows in model.tensors():
        if name not in entries:
            give_up(f"{path}: tensor {name} is missing")
        e = entries[name]
        lo, hi = e["data_offsets"]
        raw = data[8 + n + lo : 8 + n + hi]
        if e["dtype"] == "BF16":
            x = (raw.view("<u2").astype("<u4") << 16).view("<f4")
        elif e["dtype"] in ("F32", "F16"):
            x = raw.view({"F32": "<f4", "F16": "<f2"}[e["dtype"]]).astype("<f4")
        else:
            give_up(f"{path}: tensor {name} is {e['dtype']}; F32, F16 and BF16 are read")
        into = p.data[k] if rows is None else p.data[k, rows]
        if list(into.shape) != e["shape"]:
            give_up(f"{path}: tensor {name} has shape {e['shape']}, the job's model {list(into.shape)}")
        into.copy_(torch.from_numpy(x.reshape(e["shape"]).copy()))


def save(folder, model, k):
    """Writes model k of the stack in float32."""
    os.makedirs(folder, exist_ok=True)
    header, at, parts = {"__metadata__": {"format": "pt"}}, 0, []
    for name, p, rows in model.tensors():
        x = (p.data[k] if rows is None else p.data[k, rows]).float().cpu().numpy().astype("<f4")
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + x.nbytes]}
        at += x.nbytes
        parts.append(x)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for x in parts:
            f.write(x.tobytes())


# ---------------------------------------------------------------- training

def steps_of(job):
    per = job["batch"] * job["model"]["context"]
    return max(1, -(-job["tokens"] // per))


def schedule(job):
    """The learning rate by step, counted from 0: up to the peak, along it, and down (lm/optim/schedule.go)."""
    o, n = job["optim"], steps_of(job)
    peak = o["lr"] or 0.32 / job["model"]["width"]
    least, warmup = min(o["min_lr"], peak), int(o["warmup"] * n)
    method = o["schedule"]["method"]
    options = o["schedule"].get(method, {})
    decay = {"wsd": int(options.get("decay", 0) * n), "constant": 0}.get(method, n)
    if method != "constant":
        if job["init"]:  # it continues a base model, which has been through the stable phase
            decay = n - warmup
        elif job["stable"]:  # a base model
            decay = 0
    decay = min(decay, n - warmup)
    stable = n - warmup - decay
    shape = "cosine" if method == "cosine" else options.get("shape", "linear")

    def rate(step):
        if step < warmup:
            return peak * (step + 1) / warmup
        done = step - warmup - stable + 1
        if done <= 0:
            return peak
        if done >= decay:
            return least
        x = done / decay
        if shape == "exponential" and least > 0:
            return peak * (least / peak) ** x
        curve = {"sqrt": 1 - math.sqrt(x), "cosine": (1 + math.cos(math.pi * x)) / 2}
        return least + (peak - least) * curve.get(shape, 1 - x)

    return rate


def optimizer(job, model):
    o = job["optim"]["optimizer"].get("adamw", {})
    gains = [p for n, p in model.named_parameters() if "norm" in n]
    matrices = [p for n, p in model.named_parameters() if "norm" not in n]
    decay = 0.0 if o.get("disable_decay") else o["weight_decay"]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": gains, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=(o["beta1"], o["beta2"]), eps=o["eps"])


class Rank:
    """One process: all of the training, or its share of every batch."""

    def __init__(self, order, rank):
        self.order, self.rank, self.jobs, self.how = order, rank, order["jobs"], order["how"]
        self.job, self.world, self.curve = self.jobs[0], order["how"]["devices"], self.jobs[0].get("curve", 0)
        self.device = self.pick_device()
        torch.set_num_threads(max(1, self.how["threads"] // self.world))
        if self.world > 1:
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo", rank=rank, world_size=self.world,
                                    init_method="file://" + os.path.abspath(order["rendezvous"]))
        for option, has, what in (("compile", torch, "compile"), ("fused_attention", F, "scaled_dot_product_attention")):
            if self.how[option] and not hasattr(has, what):
                give_up(f"PyTorch {torch.__version__} has no {what}: set proxy.torch.{option} to false, or install PyTorch 2")
        self.model = Llama(self.job["model"], len(self.jobs), self.how["fused_attention"])
        for k, folder in enumerate(order["weights"]):
            load(folder, self.model, k)
        self.model.to(self.device)
        self.loss = self.model
        if self.how["compile"]:
            self.loss = torch.compile(self.loss)
        if self.world > 1:
            self.loss = torch.nn.parallel.DistributedDataParallel(
                self.loss, device_ids=[self.device.index] if self.device.type == "cuda" else None)
        if "rate" in order:
            self.samplers = [Noise(self.job["model"]["vocab"], self.job["model"]["context"], k) for k in range(len(self.jobs))]
        else:
            files = {p: Tokens(p) for j in self.jobs for p in j["domains"]}
            self.samplers = [Sampler([files[p] for p in j["domains"]], j["mixture"], j["model"]["context"], j["seed"])
                             for j in self.jobs]

    def pick_device(self):
        name = self.how["device"]
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cpu":
            return torch.device("cpu")
        if not torch.cuda.is_available():
            give_up(f"proxy.torch.device is cuda, and PyTorch {torch.__version__} of {sys.executable} sees no GPU: look at "
                    "nvidia-smi and at what `python -c 'import torch; print(torch.version.cuda)'` prints, or set it to cpu")
        n = torch.cuda.device_count()
        if self.world > n:
            give_up(f"proxy.torch.devices is {self.world}, and this machine has {n}")
        device = torch.device("cuda", (self.how["slot"] * self.world + self.rank) % n)
        torch.cuda.set_device(device)
        return device

    def share(self, rows):
        return rows[:, rows.shape[1] * self.rank // self.world : rows.shape[1] * (self.rank + 1) // self.world]

    def next_batch(self):
        """This process's rows of the next batch: models x rows x (context + 1)."""
        rows = torch.from_numpy(np.stack([s.batch(self.job["batch"]) for s in self.samplers]))
        return self.share(rows).contiguous()

    def all_sum(self, x):
        if self.world > 1:
            dist.all_reduce(x)
        return x

    def gradient(self, rows):
        """Adds up the gradients of the mean loss, and returns it: models."""
        rows = rows.to(self.device, non_blocking=True)
        micro, per = self.how["micro_batch"] or rows.shape[1], self.job["batch"] * self.job["model"]["context"]
        nats = torch.zeros(len(self.jobs), device=self.device)
        half = self.job["optim"]["precision"] == "bfloat16"
        parts = rows.split(micro, 1)
        for k, part in enumerate(parts):
            last = k == len(parts) - 1
            with self.loss.no_sync() if self.world > 1 and not last else nullcontext():
                with torch.autocast(self.device.type, dtype=torch.bfloat16) if half else nullcontext():
                    loss = self.loss(part)
                (loss.sum() * (self.world / per)).backward()  # DistributedDataParallel takes the mean over processes
            nats += loss.detach()
        return self.all_sum(nats) / per

    def clip(self):
        """Scales every model's gradients down to the largest norm, and returns the norm they had: models. Those of
        a model that has diverged become 0, so that the others go on beside it."""
        grads = [p.grad for p in self.model.parameters()]
        norm = sum(g.flatten(1).double().pow(2).sum(1) for g in grads).sqrt()
        most = self.job["optim"]["clip"]
        scale = torch.where(norm > most, most / norm, torch.ones_like(norm))
        alive = torch.isfinite(norm)
        for g in grads:
            by = scale.to(g.dtype).view(-1, *[1] * (g.dim() - 1))
            g.copy_(torch.where(alive.view_as(by), g * by, torch.zeros_like(g)))
        return norm

    def train(self):
        """Runs the steps, and returns a result a job, without scores."""
        job, steps = self.job, steps_of(self.job)
        rate, opt, per = schedule(job), optimizer(job, self.model), job["batch"] * job["model"]["context"]
        self.results = [{"steps": steps, "loss": 0.0, "tokens": [], "failed": "", "curve": []} for _ in self.jobs]
        history, told = [], 0  # losses and norms stay on the device until they are told
        every = 1 if self.device.type == "cpu" else 10
        ahead = Ahead(self.next_batch, steps)
        for step in range(steps):
            for g in opt.param_groups:
                g["lr"] = rate(step)
            opt.zero_grad(set_to_none=False)
            loss = self.gradient(ahead.get())
            history.append(torch.stack([loss.double(), self.clip()]))
            opt.step()
            point = step + 1 < steps and (step + 1) * self.curve // steps != step * self.curve // steps
            if step + 1 == steps or point or (step + 1) % every == 0:  # after the same steps in every process
                told = self.tell(history, told, rate, per)
                if all(r["failed"] for r in self.results):
                    return self.results
            if point:
                self.score("target", f"curve-{len(self.results[0]['curve'])}")
                for r in self.results:
                    r["curve"].append({"tokens": (step + 1) * per, "lr": rate(step)})
        losses = torch.stack(history)[:, 0].cpu()
        last = max(1, steps // 10)
        for k, r in enumerate(self.results):
            if r["failed"]:
                continue
            r["loss"] = float(losses[-last:, k].sum() / last)
            r["tokens"] = (self.samplers[k].drawn * job["model"]["context"]).tolist()
            if r["loss"] > math.log(job["model"]["vocab"]) + 1:
                r["failed"] = f"diverged: final loss {r['loss']:.3f} nats per token is above a uniform guess"
        return self.results

    def tell(self, history, told, rate, per):
        """Prints the steps that were not told yet, and sets runs aside that have diverged."""
        new = torch.stack(history[told:]).cpu()
        for step, (loss, norm) in enumerate(new.tolist(), told):
            for k, r in enumerate(self.results):
                if r["failed"]:
                    continue
                if not math.isfinite(loss[k] + norm[k]):
                    r["failed"] = f"diverged at step {step}: loss {loss[k]}, gradient norm {norm[k]}"
                    r["steps"] = step
                    s = self.samplers[k]
                    again = Sampler(s.files, s.w, s.length, s.seed)
                    for _ in range((step + 1) * self.job["batch"]):
                        again.pick()
                    r["tokens"] = (again.drawn * s.length).tolist()
                elif self.rank == 0:
                    print(json.dumps({"job": k, "step": step + 1, "steps": r["steps"], "tokens": (step + 1) * per,
                                      "loss": loss[k], "lr": rate(step), "grad_norm": norm[k]}), flush=True)
        return len(history)

    def score(self, asked, name):
        """Answers the rows of asked.tokens and asked.rows: for each the log-likelihood of its last n tokens, in nats,
        and whether all were the model's first choices, as float64 in name.answers, jobs x rows x 2."""
        folder = self.order["folder"]
        rows = np.fromfile(os.path.join(folder, asked + ".rows"), "<i4").reshape(-1, 2)  # length, and n
        if not len(rows):
            return
        tokens = np.fromfile(os.path.join(folder, asked + ".tokens"), "<u4").astype(np.int64)
        start = np.concatenate([[0], np.cumsum(rows[:, 0].astype(np.int64))])
        models = len(self.jobs)
        out = torch.zeros(models, len(rows), 2, dtype=torch.float64, device=self.device)
        mine = np.argsort(rows[:, 0], kind="stable")[self.rank :: self.world]
        budget = max(1, self.how["score_tokens"] // models)
        with torch.no_grad():
            while len(mine):
                n = 1
                while n < len(mine) and (n + 1) * rows[mine[n], 0] <= budget:
                    n += 1
                part, mine = mine[:n], mine[n:]
                width = int(rows[part, 0].max())
                batch = np.zeros((n, width), np.int64)
                for k, i in enumerate(part):
                    batch[k, : rows[i, 0]] = tokens[start[i] : start[i + 1]]
                self.answer(batch, rows[part], part, out)
        self.all_sum(out)
        if self.rank == 0:
            out.cpu().numpy().astype("<f8").tofile(os.path.join(folder, name + ".answers"))

    def answer(self, batch, rows, places, out):
        models, (n, width) = len(self.jobs), batch.shape
        h = self.model.hidden(torch.from_numpy(batch[:, :-1]).to(self.device).expand(models, -1, -1))
        row = np.repeat(np.arange(n), rows[:, 1])
        col = np.concatenate([np.arange(length - k, length) for length, k in rows])
        places = torch.from_numpy(places).to(self.device)
        wrong = torch.zeros(models, n, dtype=torch.float64, device=self.device)
        nats = torch.zeros_like(wrong)
        chunk = max(1, (1 << 26) // self.job["model"]["vocab"] // models)  # logits at a time
        for lo in range(0, len(row), chunk):
            r, c = row[lo : lo + chunk], col[lo : lo + chunk]
            at = torch.from_numpy(r * (width - 1) + c - 1).to(self.device)
            want = torch.from_numpy(batch[r, c]).to(self.device).expand(models, -1)
            logits = torch.bmm(h[:, at], self.model.embed.transpose(1, 2)).float()
            got = torch.log_softmax(logits, -1).gather(2, want.unsqueeze(2)).squeeze(2)
            to = torch.from_numpy(r).to(self.device).expand(models, -1)
            nats.scatter_add_(1, to, got.double())
            wrong.scatter_add_(1, to, (logits.argmax(-1) != want).double())
        out[:, places, 0], out[:, places, 1] = nats, (wrong == 0).double()

    def measure_rate(self):
        """Tokens a second of whole steps, all models together, and what they took."""
        opt, per = optimizer(self.job, self.model), self.job["batch"] * self.job["model"]["context"] * len(self.jobs)
        def step():
            opt.zero_grad(set_to_none=False)
            self.gradient(self.next_batch())
            self.clip()
            opt.step()
        def now():
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            return time.perf_counter()
        for _ in range(2):
            step()
        begin, steps = now(), 0
        while steps < 3 or now() - begin < self.order["rate"]:
            step()
            steps += 1
        memory = torch.cuda.max_memory_allocated() if self.device.type == "cuda" else 0
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"
        return {"rate": steps * per / (now() - begin), "device": name, "memory": memory, "torch": torch.__version__,
                "threads": torch.get_num_threads()}


class Ahead:
    """Draws the next batch in a thread while one is trained on."""

    def __init__(self, draw, n):
        self.draw, self.left = draw, n
        self.start()

    def start(self):
        self.left -= 1
        def work():
            self.value = self.draw()
        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def get(self):
        self.thread.join()
        value = self.value
        if self.left > 0:
            self.start()
        return value


def run(rank, order):
    r = Rank(order, rank)
    try:
        if "rate" in order:
            result = r.measure_rate()
        else:
            result = {"torch": torch.__version__, "device": str(r.device), "results": r.train()}
            if not all(x["failed"] for x in r.results):
                r.score("target", "target")
                r.score("test", "test")
    except (RuntimeError, MemoryError) as e:
        if isinstance(e, MemoryError) or "out of memory" in str(e) or "can't allocate memory" in str(e):
            give_up(f"out of memory on {r.device}: {str(e).splitlines()[0]}; set proxy.torch.micro_batch to fewer sequences than "
                    f"proxy.batch ({r.job['batch']}), or proxy.torch.batch_of_models to fewer models ({len(r.jobs)} here)")
        raise
    if rank == 0:
        for k, job in enumerate(r.jobs):
            if job["save"] and "rate" not in order and not r.results[k]["failed"]:
                save(job["save"], r.model, k)
        with open(os.path.join(order["folder"], "result.json"), "w") as f:
            json.dump(result, f)
    if r.world > 1:
        dist.barrier()
        dist.destroy_process_group()


def main():
    folder = os.path.abspath(sys.argv[1])
    with open(os.path.join(folder, "order.json")) as f:
        order = json.load(f)
    order["folder"], order["rendezvous"] = folder, os.path.join(folder, "rendezvous")
    if order["how"]["devices"] > 1:
        torch.multiprocessing.spawn(run, (order,), nprocs=order["how"]["devices"])
    else:
        run(0, order)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        give_up("usage: trainer.py FOLDER")
    main()
