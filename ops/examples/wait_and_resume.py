"""An agent that waits until a change is in PostgreSQL, and goes on where its last process ended. pip install redis 'psycopg[binary]'"""
import binascii, os, sys, time
import psycopg, redis

r = redis.Redis.from_url(os.environ["TIDEMARK_REDIS_URL"], decode_responses=True)
partitions = int(r.hget("tidemark:config", "partitions"))

def lane(session):
    return "tidemark:{%d}" % (binascii.crc_hqx(session.encode(), 0) % partitions)

def append(session, type, **fields):
    return r.xadd(lane(session) + ":changes", {"type": type, "session": session, **fields})

def position(entry_id):  # ids are compared as two numbers, not as text
    return tuple(int(number) for number in entry_id.split("-"))

def wait(session, entry_id, timeout=30):
    """Returns once the entry is decided in PostgreSQL: None where it was applied, else why it became a dead letter."""
    deadline = time.monotonic() + timeout
    with r.pubsub(ignore_subscribe_messages=True) as marks:
        marks.subscribe(lane(session) + ":durable")
        while position(r.hget(lane(session) + ":lane", "durable") or "0-0") < position(entry_id):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{entry_id} is not in PostgreSQL after {timeout} s")
            marks.get_message(timeout=1)  # a mark that was published; after a second the hash is read again
    return r.hget(lane(session) + ":rejected", entry_id)

def resume(session):
    """The session's state once everything that was written to its lane before is decided; None for a new session."""
    for entry_id, _ in r.xrevrange(lane(session) + ":changes", count=1):
        wait(session, entry_id)
    with psycopg.connect(os.environ["TIDEMARK_POSTGRES_URL"]) as postgres:
        return postgres.execute("SELECT tidemark.state(%s)", [session]).fetchone()[0]

session = sys.argv[1] if len(sys.argv) > 1 else "resumed"
state = resume(session)
step = state["context"]["step"]["value"] + 1 if state else 1
print(f"step {step}: {state['messages']['count'] if state else 0} messages so far")
append(session, "message.appended", role="user", content=f"step {step}")
print("durable:", wait(session, append(session, "context.set", key="step", value=str(step))) or "yes")
