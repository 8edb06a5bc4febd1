// Runs Hugging Face's tokenizers library for hf_test.go.
//
//   node hf.cjs encode tokenizer.json   stdin: a JSON list of texts; stdout: a JSON list of lists of ids
//   node hf.cjs encode-many tokenizer.json ...   the same, a list of lists of lists: of every tokenizer
//   node hf.cjs round-many tokenizer.json ...    texts that the ids decode to
//   node hf.cjs train tokenizer.json text.txt out.json
//
// "train" trains anew with the library's default trainer (30,000 ids, no least
// frequency) and the pre-tokenizer of tokenizer.json.
const { Tokenizer } = require(require.resolve("tokenizers", { paths: [process.env.CLIMB_TEST_HF] }));
const fs = require("fs");

async function many(mode, paths) {
  const texts = JSON.parse(fs.readFileSync(0, "utf8"));
  const all = [];
  for (const path of paths) {
    const tokenizer = Tokenizer.fromFile(path);
    const some = [];
    for (const s of texts) {
      const ids = (await tokenizer.encode(s, null, { addSpecialTokens: false })).getIds();
      some.push(mode === "encode-many" ? ids : await tokenizer.decode(ids, false));
    }
    all.push(some);
  }
  process.stdout.write(JSON.stringify(all));
}

async function main([mode, path, text, out]) {
  if (mode.endsWith("-many")) return many(mode, process.argv.slice(3));
  const tokenizer = Tokenizer.fromFile(path);
  if (mode === "train") {
    tokenizer.train([text]);
    tokenizer.save(out);
    return;
  }
  const ids = [];
  for (const s of JSON.parse(fs.readFileSync(0, "utf8"))) {
    ids.push((await tokenizer.encode(s, null, { addSpecialTokens: false })).getIds());
  }
  process.stdout.write(JSON.stringify(ids));
}

main(process.argv.slice(2));
