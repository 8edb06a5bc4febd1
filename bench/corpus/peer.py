"""Reads the texts of a .jsonl.zst file with zstandard and json, line by line."""
import io
import json
import sys

import zstandard

documents = size = 0
with open(sys.argv[1], "rb") as f:
    stream = zstandard.ZstdDecompressor().stream_reader(f, read_across_frames=True)
    for line in io.BufferedReader(stream, 1 << 20):
        size += len(json.loads(line)["text"].encode())
        documents += 1
print(json.dumps({"documents": documents, "text_bytes": size}))
