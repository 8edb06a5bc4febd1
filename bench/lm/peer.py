"""The peer of bench/lm: PyTorch's training step, and sgemm as NumPy calls it.

usage: peer.py train THREADS STEPS '{"vocab": ..., "width": ..., ...}'
       peer.py gemm N SECONDS

Prints one JSON object. The model is the one of package lm: Llama with tied
embeddings, written for speed: fused projections, one softmax kernel, AdamW over
lists of tensors.
"""

import json
import sys
import time


def clocks():
    return time.process_time(), time.perf_counter()


def report(units, start):
    cpu, wall = clocks()
    print(json.dumps({"units": units, "cpu": cpu - start[0], "wall": wall - start[1]}))


def gemm(n, seconds):
    import numpy as np

    a = np.random.rand(n, n).astype(np.float32)
    b = np.random.rand(n, n).astype(np.float32)
    c = np.empty_like(a)
    np.matmul(a, b, out=c)
    start, done = clocks(), 0
    while time.process_time() - start[0] < seconds:
        np.matmul(a, b, out=c)
        done += 1
    report(2.0 * n**3 * done, start)


def train(threads, steps, cfg):
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    V, W, L, H, hid = (cfg[k] for k in ("vocab", "width", "layers", "heads", "hidden"))
    B, T, d = cfg["batch"], cfg["seqlen"], W // H
    mat = lambda *s: torch.nn.Parameter(torch.randn(*s) * 0.02)
    one = lambda: torch.nn.Parameter(torch.ones(W))
    embed, last = mat(V, W), one()
    blocks = [
        dict(n1=one(), qkv=mat(3 * W, W), out=mat(W, W), n2=one(), gu=mat(2 * hid, W), down=mat(W, hid))
        for _ in range(L)
    ]
    params = [embed, last] + [p for b in blocks for p in b.values()]
    angle = torch.outer(torch.arange(T).float(), 10000.0 ** (-torch.arange(0, d, 2).float() / d))
    cos, sin = angle.cos(), angle.sin()
    mask = torch.full((T, T), float("-inf")).triu(1)

    def norm(x, g):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * g

    def rotate(x):
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def forward(t):
        x = F.embedding(t, embed)
        for b in blocks:
            q, k, v = F.linear(norm(x, b["n1"]), b["qkv"]).view(B, T, 3, H, d).permute(2, 0, 3, 1, 4)
            s = torch.baddbmm(
                mask, rotate(q).reshape(B * H, T, d), rotate(k).reshape(B * H, T, d).transpose(1, 2), alpha=d**-0.5
            )
            o = torch.bmm(torch.softmax(s, -1), v.reshape(B * H, T, d))
            x = x + F.linear(o.view(B, H, T, d).transpose(1, 2).reshape(B, T, W), b["out"])
            g, u = F.linear(norm(x, b["n2"]), b["gu"]).chunk(2, -1)
            x = x + F.linear(F.silu(g) * u, b["down"])
        return F.linear(norm(x, last), embed)

    opt = torch.optim.AdamW(params, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, foreach=True)

    def step():
        t = torch.randint(V, (B, T + 1))
        loss = F.cross_entropy(forward(t[:, :-1]).view(B * T, V), t[:, 1:].reshape(B * T))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()

    step()
    start = clocks()
    for _ in range(steps):
        step()
    report(B * T * steps, start)


if sys.argv[1] == "gemm":
    gemm(int(sys.argv[2]), float(sys.argv[3]))
else:
    train(int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4]))
