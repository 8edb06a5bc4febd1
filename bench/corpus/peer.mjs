// Writes JSON lines as Parquet where there is no such file, then reads the text
// column on one thread, twice; the processor time is that of the second query.
import { existsSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const [lines, parquet, codec] = process.argv.slice(2);
const db = await (await DuckDBInstance.create()).connect();
await db.run("SET threads = 1");
if (!existsSync(parquet)) await db.run(`COPY (SELECT id, text, source FROM read_json('${lines}', format = 'newline_delimited',
  columns = {id: 'VARCHAR', text: 'VARCHAR', source: 'VARCHAR'}, maximum_object_size = 67108864))
  TO '${parquet}' (FORMAT parquet, COMPRESSION ${codec})`);
const query = `SELECT count(*)::INT, sum(strlen(text))::BIGINT FROM '${parquet}'`;
await db.runAndReadAll(query);
const before = process.cpuUsage();
const [[documents, bytes]] = (await db.runAndReadAll(query)).getRows();
const used = process.cpuUsage(before);
console.log(JSON.stringify({ documents, text_bytes: Number(bytes), cpu_seconds: (used.user + used.system) / 1e6 }));
