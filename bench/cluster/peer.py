"""The peer of bench/cluster: k-means as FAISS does it.

usage: peer.py DATA.npy K ITERATIONS THREADS CENTROIDS.npy

Starts from the first K rows, writes the centroids and prints one JSON object.
"""

import json
import sys
import time

import faiss
import numpy as np

data, k, iterations, threads, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
faiss.omp_set_num_threads(threads)
x = np.load(data)
kmeans = faiss.Kmeans(x.shape[1], k, niter=iterations, max_points_per_centroid=len(x), min_points_per_centroid=1, seed=1)
cpu, wall = time.process_time(), time.perf_counter()
kmeans.train(x, init_centroids=x[:k].copy())
print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}))
np.save(out, kmeans.centroids)
