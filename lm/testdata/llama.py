"""The peer of TestTorch: the same Llama in plain PyTorch.

usage: llama.py DIR BATCH SEQLEN STEPS LR

DIR holds model.safetensors, config.json and tokens.bin (little-endian uint32,
STEPS x BATCH x (SEQLEN + 1)). Writes grad.bin (float32 gradient of the first
step, tensors in file order) and final.bin (parameters after the last step), and
prints the losses, mean nats per token, as one JSON list.
"""

import json
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
folder, batch, seqlen, steps, lr = sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5])

with open(folder + "/config.json") as f:
    cfg = json.load(f)
with open(folder + "/model.safetensors", "rb") as f:
    raw = f.read()
(n,) = struct.unpack("<Q", raw[:8])
params = {}
for name, e in json.loads(raw[8 : 8 + n]).items():
    if name != "__metadata__":
        lo, hi = e["data_offsets"]
        a = np.frombuffer(raw[8 + n + lo : 8 + n + hi], dtype="<f4").reshape(e["shape"]).copy()
        params[name] = torch.nn.Parameter(torch.from_numpy(a))

heads, eps = cfg["num_attention_heads"], cfg["rms_norm_eps"]
dim = cfg["hidden_size"] // heads
angle = torch.outer(
    torch.arange(seqlen, dtype=torch.float64),
    cfg["rope_theta"] ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim),
)
cos, sin = (torch.cat([f(angle)] * 2, -1).float() for f in (torch.cos, torch.sin))
mask = torch.full((seqlen, seqlen), float("-inf")).triu(1)


def norm(x, gain):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * gain


def rotate_half(x):  # as transformers' modeling_llama
    a, b = x.chunk(2, -1)
    return torch.cat([-b, a], -1)


def forward(tokens):
    x = params["model.embed_tokens.weight"][tokens]
    for l in range(cfg["num_hidden_layers"]):
        w = lambda name: params[f"model.layers.{l}.{name}.weight"]
        h = norm(x, w("input_layernorm"))
        q, k, v = (
            (h @ w(f"self_attn.{p}_proj").T).view(*h.shape[:2], heads, dim).transpose(1, 2) for p in "qkv"
        )
        q, k = q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin
        p = torch.softmax(q @ k.transpose(-1, -2) / dim**0.5 + mask, -1)
        x = x + (p @ v).transpose(1, 2).reshape(h.shape) @ w("self_attn.o_proj").T
        h = norm(x, w("post_attention_layernorm"))
        h = F.silu(h @ w("mlp.gate_proj").T) * (h @ w("mlp.up_proj").T)
        x = x + h @ w("mlp.down_proj").T
    return norm(x, params["model.norm.weight"]) @ params["model.embed_tokens.weight"].T


def dump(name, tensors):
    with open(f"{folder}/{name}", "wb") as f:
        for t in tensors:
            f.write(t.detach().numpy().astype("<f4").tobytes())


opt = torch.optim.AdamW(
    [
        {"params": [p for p in params.values() if p.dim() > 1], "weight_decay": 0.1},
        {"params": [p for p in params.values() if p.dim() == 1], "weight_decay": 0.0},
    ],
    lr=lr, betas=(0.9, 0.95), eps=1e-8,
)
tokens = np.fromfile(folder + "/tokens.bin", dtype="<u4").astype(np.int64).reshape(steps, batch, seqlen + 1)
losses = []
for step in range(steps):
    t = torch.from_numpy(tokens[step])
    loss = F.cross_entropy(forward(t[:, :-1]).flatten(0, 1), t[:, 1:].flatten())
    opt.zero_grad()
    loss.backward()
    if step == 0:
        dump("grad.bin", [p.grad for p in params.values()])
    torch.nn.utils.clip_grad_norm_(params.values(), 1.0)
    opt.step()
    losses.append(loss.item())
dump("final.bin", params.values())
print(json.dumps(losses))
