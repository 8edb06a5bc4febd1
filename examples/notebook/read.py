# What a run has left, in NumPy and pandas alone: vectors, scores and domains of every
# document, the runs of the search, the numbers of the report. Each part is a cell.
#
#   python3 read.py climb-run

# %% The folder of a stage: its name and a hash of the options.
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

pd.set_option("display.width", 110, "display.max_columns", 12, "display.max_colwidth", 34)
run = Path(sys.argv[1] if len(sys.argv) > 1 else "climb-run")


def stage(name):
    found = [p for p in run.glob(name + "-*") if (p / "plan.json").exists()]
    if len(found) != 1:
        sys.exit(f"{len(found)} folders of the stage {name} in {run}; `climb status` says which is in use, `climb clean` removes the others")
    return found[0]


# %% Documents: one row of every array of a shard is one document, in the same order.
domains = json.loads((stage("domains") / "domains.json").read_text())
names = [d["name"] for d in domains["domains"]]
parts = []
for shard in sorted(stage("embed").glob("part-*.npy")):
    ids = [json.loads(line) for line in shard.with_suffix(".ids").read_text().splitlines()]
    part = pd.DataFrame(np.load(stage("label") / shard.name), columns=domains["score_names"])
    part.insert(0, "id", ids)
    part.insert(1, "domain", np.load(stage("assign") / shard.name))  # below 0: left out
    part["vector"] = list(np.load(shard).astype(np.float32))
    parts.append(part)
documents = pd.concat(parts, ignore_index=True)
kept = documents[documents.domain >= 0]
print(f"{len(documents)} documents, {len(kept)} of them in {len(names)} domains, vectors of {len(documents.vector[0])}")

# %% Mean scores of the domains.
scores = kept.groupby("domain")[domains["score_names"][-3:]].mean().round(3)
scores.index = [names[i] for i in scores.index]
print("\nMean scores\n", scores.to_string(), sep="")

# %% The two domains that are nearest to each other, by the cosine of their mean vectors.
means = np.stack([np.mean(np.stack(g.vector.to_list()), axis=0) for _, g in kept.groupby("domain")])
means /= np.linalg.norm(means, axis=1, keepdims=True)
cosine = means @ means.T - 2 * np.eye(len(means))
a, b = np.unravel_index(np.argmax(cosine), cosine.shape)
print(f"\nNearest domains: {names[a]} and {names[b]}, cosine {cosine[a, b]:.3f}")

# %% The runs of the search, a row each: shares of the domains, and the score.
report = json.loads((run / "report" / "summary.json").read_text())
trials = pd.DataFrame(report["trials"])
shares = pd.DataFrame(trials["mixture"].to_list()).reindex(columns=names)
trials = pd.concat([trials[["round", "hash", "seed", "score"]].astype({"score": float}), shares], axis=1)
print("\nBest runs\n", trials.nlargest(3, "score")[["round", "hash", "score"]].to_string(index=False), sep="")

# %% Which shares go with the score: rank correlations over all runs.
ranks = trials[names].rank().corrwith(trials["score"].rank()).sort_values(ascending=False).round(2)
print("\nRank correlation of share and score\n", ranks.to_string(), sep="")

# %% The report: the mixture and its verdict.
table = pd.DataFrame(report["domains"]).set_index("name")[["natural", "chosen", "epochs"]]
print("\nMixture\n", table.sort_values("chosen", ascending=False).round(4).to_string(), sep="")
print("\nVerdict:", report["confirmed"]["verdict"])
