// A yardstick: DuckDB groups flow logs of the default format as the flow table does.
//
//     node duckdb.js FOLDER_OF_NODE_MODULES THREADS FILE...
'use strict';

const path = require('node:path');

const [modules, threads, ...files] = process.argv.slice(2);
const { DuckDBInstance } = require(path.join(modules, '@duckdb/node-api'));

const COLUMNS = ['version', 'account-id', 'interface-id', 'srcaddr', 'dstaddr', 'srcport',
    'dstport', 'protocol', 'packets', 'bytes', 'start', 'end', 'action', 'log-status'];
const NUMBERS = { srcport: 'INTEGER', dstport: 'INTEGER', bytes: 'BIGINT', packets: 'BIGINT',
    start: 'BIGINT', end: 'BIGINT', protocol: 'INTEGER', version: 'INTEGER' };

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
const columns = COLUMNS.map((name) => `${quoted(name)}: '${NUMBERS[name] ?? 'VARCHAR'}'`);
const port = (name) => `CASE WHEN ${name} < 32768 THEN ${name} ELSE 0 END`;

async function main() {
    const instance = await DuckDBInstance.create(':memory:', { threads });
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(`
        SELECT count(*), sum(total)::BIGINT FROM (
            SELECT sum(bytes) AS total, min(start), max("end")
            FROM read_csv([${files.map(quoted)}], delim = ' ', header = true, auto_detect = false,
                          compression = 'gzip', columns = {${columns}})
            GROUP BY "interface-id", srcaddr, dstaddr, ${port('srcport')}, ${port('dstport')},
                     protocol, action)`);
    console.log(reader.getRows()[0].join(' '));
}

main();
