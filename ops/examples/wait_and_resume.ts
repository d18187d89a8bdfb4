// An agent that waits until a change is in PostgreSQL, and goes on where its last process ended.
// npm install redis pg && node wait_and_resume.ts [SESSION]    (Node 22.18 or later; earlier ones need a compiler or tsx)
import { setTimeout } from "node:timers/promises";
import { createClient } from "redis";
import pg from "pg";

const redis = createClient({ url: process.env.TIDEMARK_REDIS_URL });
const marks = redis.duplicate();
for (const client of [redis, marks]) {
  // Without a listener a lost connection would end the process; with one the client connects again.
  client.on("error", (error) => console.error(`redis: ${error}`));
  await client.connect();
}
// In a URL without a host (postgresql:///tidemark) pg takes localhost, where psql takes the socket: ?host=/var/run/postgresql names it.
const postgres = new pg.Client(process.env.TIDEMARK_POSTGRES_URL);
await postgres.connect();
const partitions = Number(await redis.hGet("tidemark:config", "partitions"));

/** CRC16-XMODEM over the bytes of the session's id. */
function crc16(bytes: Uint8Array): number {
  return bytes.reduce((crc, byte) => {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
    return crc;
  }, 0);
}
const lane = (session: string) => `tidemark:{${crc16(new TextEncoder().encode(session)) % partitions}}`;
const append = (session: string, type: string, fields: Record<string, string>) =>
  redis.xAdd(`${lane(session)}:changes`, "*", { type, session, ...fields });

/** Whether a is at or behind b. Ids are compared as two numbers, not as text. */
function reaches(a: string, b: string): boolean {
  const [[aMs, aNo], [bMs, bNo]] = [a, b].map((id) => id.split("-").map(BigInt));
  return aMs > bMs || (aMs === bMs && aNo >= bNo);
}

/** Resolves once the entry is decided in PostgreSQL: null where it was applied, else why it became a dead letter. */
async function wait(session: string, id: string, timeout = 30_000): Promise<string | null> {
  const [channel, deadline] = [`${lane(session)}:durable`, Date.now() + timeout];
  let published = () => {};
  await marks.subscribe(channel, () => published());
  try {
    for (;;) {
      // Before the hash is read, so that no mark is missed that is published meanwhile.
      const mark = new Promise<void>((resolve) => { published = resolve; });
      if (reaches((await redis.hGet(`${lane(session)}:lane`, "durable")) ?? "0-0", id)) break;
      if (Date.now() > deadline) throw new Error(`${id} is not in PostgreSQL after ${timeout} ms`);
      // After a second the hash is read again.
      await Promise.race([mark, setTimeout(1_000, undefined, { ref: false })]);
    }
  } finally {
    await marks.unsubscribe(channel);
  }
  return (await redis.hGet(`${lane(session)}:rejected`, id)) ?? null;
}

const session = process.argv[2] ?? "resumed";
for (const { id } of await redis.xRevRange(`${lane(session)}:changes`, "+", "-", { COUNT: 1 })) await wait(session, id);
const state = (await postgres.query("SELECT tidemark.state($1) AS state", [session])).rows[0].state;
const step = state ? state.context.step.value + 1 : 1;
console.log(`step ${step}: ${state ? state.messages.count : 0} messages so far`);
await append(session, "message.appended", { role: "user", content: `step ${step}` });
console.log("durable:", (await wait(session, await append(session, "context.set", { key: "step", value: String(step) }))) ?? "yes");
await Promise.all([redis.quit(), marks.quit(), postgres.end()]);
