// Writes JSON lines as Parquet, then reads the text column on one thread; the
// processor time is that of the second query.
import { DuckDBInstance } from "@duckdb/node-api";

const [lines, parquet, codec] = process.argv.slice(2);
const db = await (await DuckDBInstance.create()).connect();
await db.run("SET threads = 1");
await db.run(`COPY (SELECT id, text, source FROM read_json('${lines}', format = 'newline_delimited',
  columns = {id: 'VARCHAR', text: 'VARCHAR', source: 'VARCHAR'}, maximum_object_size = 67108864))
  TO '${parquet}' (FORMAT parquet, COMPRESSION ${codec})`);
const query = `SELECT count(*)::INT, sum(strlen(text))::BIGINT FROM '${parquet}'`;
const before = process.cpuUsage();
const [[documents, bytes]] = (await db.runAndReadAll(query)).getRows();
const used = process.cpuUsage(before);
console.log(JSON.stringify({ documents, text_bytes: Number(bytes), cpu_seconds: (used.user + used.system) / 1e6 }));
