// Runs Hugging Face's tokenizers library for hf_test.go.
//
//   node hf.cjs encode tokenizer.json   stdin: a JSON list of texts; stdout: a JSON list of lists of ids
//   node hf.cjs train tokenizer.json text.txt out.json
//
// "train" trains anew with the library's default trainer (30,000 ids, no least
// frequency) and the pre-tokenizer of tokenizer.json.
const { Tokenizer } = require(require.resolve("tokenizers", { paths: [process.env.CLIMB_TEST_HF] }));
const fs = require("fs");

async function main([mode, path, text, out]) {
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
