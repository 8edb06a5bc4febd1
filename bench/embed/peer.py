"""Reads documents {"text", "source"} as JSON lines from the file given; prints
as JSON the NMI and purity of k-means clusters of scikit-learn's TF-IDF and
SVD(256), for K = sources and 10 times as many, one figure a seed, and the
seconds of processor time of fitting with transforming, and of transforming
alone. usage: peer.py FILE SEEDS"""

import json
import sys
import time

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import normalize

docs = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
texts = [d["text"] for d in docs]
names, source = np.unique([d["source"] for d in docs], return_inverse=True)
tfidf, svd = TfidfVectorizer(), TruncatedSVD(256, random_state=0)
start = time.process_time()
x = svd.fit_transform(tfidf.fit_transform(texts))
fit = time.process_time() - start
start = time.process_time()
svd.transform(tfidf.transform(texts))
transform = time.process_time() - start


def quality(x, k):
    nmi, purity = [], []
    for seed in range(int(sys.argv[2])):
        label = KMeans(k, n_init=1, random_state=seed).fit_predict(x)
        table = np.zeros((k, len(names)))
        np.add.at(table, (label, source), 1)
        nmi.append(normalized_mutual_info_score(source, label))
        purity.append(table.max(1).sum() / len(docs))
    return {"nmi": nmi, "purity": purity}


out = {"total_s": fit, "embed_s": transform}
for name, v in (("plain", x), ("normalized", normalize(x))):
    out[name] = [quality(v, len(names)), quality(v, 10 * len(names))]
print(json.dumps(out))
