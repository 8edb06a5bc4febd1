"""k-means from given centroids: JSON in, {"inertia", "label"} out."""

import json
import sys

import numpy as np
from sklearn.cluster import KMeans

q = json.load(sys.stdin)
x = np.array(q["x"], dtype=np.float32).reshape(q["n"], -1)
start = np.array(q["start"], dtype=np.float32).reshape(q["k"], -1)
m = KMeans(q["k"], init=start, n_init=1, max_iter=q["max_iter"], tol=0, algorithm="lloyd").fit(x)
json.dump({"inertia": float(m.inertia_), "label": m.labels_.tolist()}, sys.stdout)
