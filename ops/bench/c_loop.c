/* The least that a replicator can do, as a yardstick: XREAD from a stream, COPY into one table, a transaction a batch. No fence, no
 * cursor, no validation, no audit trail, no retry: what Tidemark costs beyond it is the price of its guarantees.
 *
 *   cc -O2 c_loop.c -o c_loop $(pkg-config --cflags --libs hiredis libpq)
 *   c_loop REDIS_PORT POSTGRES_URL TABLE STREAM [--lanes N]      with N > 1 it reads STREAM:0 ... STREAM:N-1, a process each
 *
 * TABLE has (session_id text, entry_ms bigint, entry_no bigint, role text, content text). It ends at the streams' ends, and prints
 * names and values: seconds (from its start), rows, rows_per_second, cpu_seconds (its own processes, user and system), peak_bytes (of
 * its largest process). */

#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { batch_entries = 2000, longest_id = 48 };

static struct {
  char *data;
  size_t length, capacity;
} rows;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "c_loop: %s: %s\n", what, why);
  exit(1);
}

static void reserve(size_t more) {
  if (rows.length + more <= rows.capacity) return;
  rows.capacity = (rows.length + more) * 2;
  rows.data = realloc(rows.data, rows.capacity);
  if (!rows.data) fail("rows", "out of memory");
}

static void put(char byte) { rows.data[rows.length++] = byte; }

/* COPY's text format: a backslash, a tab and a line's end are escaped. */
static void put_text(const char *bytes, size_t length) {
  reserve(length * 2 + 1);
  for (size_t i = 0; i < length; i++) {
    switch (bytes[i]) {
      case '\\': put('\\'); put('\\'); break;
      case '\t': put('\\'); put('t'); break;
      case '\n': put('\\'); put('n'); break;
      case '\r': put('\\'); put('r'); break;
      default: put(bytes[i]);
    }
  }
}

static void put_field(const redisReply *fields, const char *name) {
  for (size_t i = 0; i + 1 < fields->elements; i += 2) {
    if (strcmp(fields->element[i]->str, name) == 0) {
      put_text(fields->element[i + 1]->str, fields->element[i + 1]->len);
      return;
    }
  }
  reserve(2);
  put('\\');
  put('N');
}

static void put_entry(const redisReply *entry) {
  const redisReply *id = entry->element[0], *fields = entry->element[1];
  const char *dash = memchr(id->str, '-', id->len);
  if (!dash || id->len >= longest_id) fail("entry id", id->str);
  put_field(fields, "session");
  reserve(longest_id + 8);
  put('\t');
  put_text(id->str, dash - id->str);
  put('\t');
  put_text(dash + 1, id->str + id->len - dash - 1);
  put('\t');
  put_field(fields, "role");
  reserve(1);
  put('\t');
  put_field(fields, "content");
  reserve(1);
  put('\n');
}

static void expect(PGconn *postgres, PGresult *result, ExecStatusType status) {
  if (PQresultStatus(result) != status) fail("Postgres", PQerrorMessage(postgres));
  PQclear(result);
}

static void commit(PGconn *postgres, const char *copy) {
  expect(postgres, PQexec(postgres, "BEGIN"), PGRES_COMMAND_OK);
  expect(postgres, PQexec(postgres, copy), PGRES_COPY_IN);
  if (PQputCopyData(postgres, rows.data, (int)rows.length) != 1 || PQputCopyEnd(postgres, NULL) != 1)
    fail("COPY", PQerrorMessage(postgres));
  expect(postgres, PQgetResult(postgres), PGRES_COMMAND_OK);
  while (PQgetResult(postgres)) {
  }
  expect(postgres, PQexec(postgres, "COMMIT"), PGRES_COMMAND_OK);
}

static long replicate(int port, const char *url, const char *table, const char *stream) {
  redisContext *redis = redisConnect("127.0.0.1", port);
  if (!redis || redis->err) fail("Redis", redis ? redis->errstr : "out of memory");
  PGconn *postgres = PQconnectdb(url);
  if (PQstatus(postgres) != CONNECTION_OK) fail("Postgres", PQerrorMessage(postgres));
  char copy[256], cursor[longest_id] = "0-0";
  snprintf(copy, sizeof copy, "COPY %s (session_id, entry_ms, entry_no, role, content) FROM STDIN", table);

  long total = 0;
  for (;;) {
    redisReply *reply = redisCommand(redis, "XREAD COUNT %d STREAMS %s %s", batch_entries, stream, cursor);
    if (!reply) fail("XREAD", redis->errstr);
    if (reply->type == REDIS_REPLY_ERROR) fail("XREAD", reply->str);
    if (reply->type == REDIS_REPLY_NIL) {
      freeReplyObject(reply);
      break;
    }
    const redisReply *entries = reply->element[0]->element[1];
    rows.length = 0;
    for (size_t i = 0; i < entries->elements; i++) put_entry(entries->element[i]);
    const redisReply *last = entries->element[entries->elements - 1]->element[0];
    memcpy(cursor, last->str, last->len + 1);
    total += (long)entries->elements;
    freeReplyObject(reply);
    commit(postgres, copy);
  }
  PQfinish(postgres);
  redisFree(redis);
  return total;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double seconds(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

int main(int count, char **arguments) {
  double start = now();
  int lanes = 1;
  if (count == 7 && strcmp(arguments[5], "--lanes") == 0) lanes = atoi(arguments[6]);
  else if (count != 5) lanes = 0;
  if (lanes < 1 || lanes > 64) {
    fprintf(stderr, "usage: c_loop REDIS_PORT POSTGRES_URL TABLE STREAM [--lanes N]\n");
    return 2;
  }
  long *totals = mmap(NULL, sizeof(long) * (size_t)lanes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (totals == MAP_FAILED) fail("memory", "mmap");
  for (int lane = 0; lane < lanes; lane++) {
    pid_t child = fork();
    if (child < 0) fail("process", "fork");
    if (child == 0) {
      char stream[256];
      if (lanes == 1) snprintf(stream, sizeof stream, "%s", arguments[4]);
      else snprintf(stream, sizeof stream, "%s:%d", arguments[4], lane);
      totals[lane] = replicate(atoi(arguments[1]), arguments[2], arguments[3], stream);
      _exit(0);
    }
  }
  long total = 0;
  for (int lane = 0; lane < lanes; lane++) {
    int status;
    if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("lane", "ended early");
  }
  double elapsed = now() - start;
  for (int lane = 0; lane < lanes; lane++) total += totals[lane];
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  printf("seconds %.6f\nrows %ld\nrows_per_second %.0f\ncpu_seconds %.6f\npeak_bytes %ld\n", elapsed, total,
         (double)total / elapsed, seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss * 1024);
  return 0;
}
