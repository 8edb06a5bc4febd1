#!/bin/sh
# From a folder of text to every trainer: a small run, then `climb export` for each
# trainer and `climb verify` of each export. It ends with an error if an achieved
# share of tokens is more than 0.1 points from the one asked for.
#
#   examples/exports.sh CORPUS [FOLDER]
#
# CORPUS is a folder of JSONL with the field "source"; FOLDER is made. CLIMB is
# the program, "climb" unless set.
set -eu
corpus=$(cd "$1" && pwd)
out=${2:-exports}
climb=${CLIMB:-climb}
mkdir -p "$out"
cd "$out"
if [ ! -f climb.yaml ]; then
	cat >climb.yaml <<YAML
# Small proxies: a few minutes on two cores.
out: run
seed: 1
corpus:
  inputs: ["$corpus"]
domains: {by: label, tag: {field: source}}
prune: {clusters: {}, documents: {}}
tokens: {bpe: {vocab: 4096}}
proxy:
  model: {layers: 1, width: 16, heads: 2, context: 64}
  tokens: 20000
search: {rounds: [6, 3]}
confirm: {seeds: 2, measured: 1}
dataset: {mixture: best, tokens: 1500000}
YAML
fi
"$climb" run climb.yaml
for trainer in megatron bridge automodel nanochat olmo mds nanotron torchtitan levanter llmc hf litdata; do
	echo "== $trainer"
	"$climb" export --to "$trainer" --context 512 --tokens 1.5M --out "$trainer" run 2>/dev/null
	"$climb" verify "$trainer" 2>/dev/null
	"$climb" verify --json "$trainer" 2>/dev/null | awk -v trainer="$trainer" '
		$1 == "\"off\":" { seen = 1; if ($2 + 0 > 0.001) { print trainer ": an achieved share is " 100 * $2 " points off"; bad = 1 } }
		END { if (!seen || bad) exit 1 }'
done
echo "every export has the shares that were asked for, to 0.1 points"
