"""Agglomerative clustering: JSON in, the matrix Z and flat labels out."""

import json
import sys

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

q = json.load(sys.stdin)
z = linkage(np.array(q["x"], dtype=np.float64).reshape(q["k"], -1), q["method"])
flat = [fcluster(z, t, criterion="distance").tolist() for t in q["thresholds"]]
json.dump({"z": z.tolist(), "flat": flat}, sys.stdout)
