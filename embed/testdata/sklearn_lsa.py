"""Reads documents {"text", "source"} as JSON lines; prints the NMI and purity
of k-means clusters of scikit-learn's TF-IDF + SVD(100), mean of the given number of seeds."""

import json
import sys

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import normalized_mutual_info_score

docs = [json.loads(line) for line in sys.stdin]
names, source = np.unique([d["source"] for d in docs], return_inverse=True)
k, seeds = int(sys.argv[1]), int(sys.argv[2])
x = TfidfVectorizer().fit_transform(d["text"] for d in docs)
x = TruncatedSVD(100, random_state=0).fit_transform(x)
nmi, purity = [], []
for seed in range(seeds):
    label = KMeans(k, n_init=1, random_state=seed).fit_predict(x)
    table = np.zeros((k, len(names)))
    np.add.at(table, (label, source), 1)
    nmi.append(normalized_mutual_info_score(source, label))
    purity.append(table.max(1).sum() / len(docs))
print(np.mean(nmi), np.mean(purity))
