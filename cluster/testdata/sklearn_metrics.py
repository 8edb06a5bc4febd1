"""Agreement of two labelings, and the silhouette of the second: JSON in and out."""

import json
import sys

import numpy as np
from sklearn import metrics

q = json.load(sys.stdin)
x = np.array(q["x"]).reshape(q["n"], -1)
json.dump(
    {
        "nmi": metrics.normalized_mutual_info_score(q["a"], q["b"]),
        "ari": metrics.adjusted_rand_score(q["a"], q["b"]),
        "silhouette": float(metrics.silhouette_score(x, q["b"])),
    },
    sys.stdout,
)
