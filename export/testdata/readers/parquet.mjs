// Reads Parquet files with DuckDB and with hyparquet, from the folder of npm's
// modules: node parquet.mjs MODULES FILE... Prints the SHA-256 of the texts, each
// with a NUL after it, by each reader, rows, and row groups.
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { readFileSync } from 'node:fs'

const [modules, ...files] = process.argv.slice(2)
const resolve = createRequire(modules + '/package.json').resolve
const out = {}
async function attempt(name, f) {
  try { out[name] = await f() } catch (e) { out[name] = { missing: String(e).split('\n')[0] } }
}
const hashed = () => ({ h: createHash('sha256'), rows: 0, add(t) { this.h.update(t + '\0'); this.rows++ } })

await attempt('hyparquet', async () => {
  const { parquetReadObjects, parquetMetadata } = await import(pathToFileURL(resolve('hyparquet')))
  const { compressors } = await import(pathToFileURL(resolve('hyparquet-compressors')))
  const sum = hashed(), groups = []
  for (const f of files) {
    const b = readFileSync(f), file = b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength)
    for (const g of parquetMetadata(file).row_groups) groups.push(Number(g.num_rows))
    for (const row of await parquetReadObjects({ file, compressors, columns: ['text'] })) sum.add(row.text)
  }
  return { sha256: sum.h.digest('hex'), rows: sum.rows, groups }
})
await attempt('duckdb', async () => {
  const { DuckDBInstance } = await import(pathToFileURL(resolve('@duckdb/node-api')))
  const db = await (await DuckDBInstance.create(':memory:')).connect()
  const sum = hashed()
  for (const f of files) {
    const r = await db.runAndReadAll(`SELECT text FROM read_parquet('${f.replaceAll("'", "''")}')`)
    for (const [text] of r.getRows()) sum.add(text)
  }
  return { sha256: sum.h.digest('hex'), rows: sum.rows }
})
console.log(JSON.stringify(out))
