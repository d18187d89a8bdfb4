/* How long one row takes to become durable on this server: the median of one-row INSERTs, each its own transaction.
 *
 *   cc -O2 round_trip.c -o round_trip $(pkg-config --cflags --libs libpq)
 *   round_trip POSTGRES_URL TABLE TIMES      TABLE (n bigint); prints p50_microseconds and p99_microseconds */

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int compare(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static double microseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

int main(int count, char **arguments) {
  int times = count == 4 ? atoi(arguments[3]) : 0;
  if (times < 1) {
    fprintf(stderr, "usage: round_trip POSTGRES_URL TABLE TIMES\n");
    return 2;
  }
  PGconn *postgres = PQconnectdb(arguments[1]);
  double *took = calloc((size_t)times, sizeof *took);
  char insert[256];
  snprintf(insert, sizeof insert, "INSERT INTO %s VALUES ($1::bigint)", arguments[2]);
  PGresult *result = PQprepare(postgres, "insert", insert, 1, NULL);
  for (int i = 0; i < times && took && PQresultStatus(result) == PGRES_COMMAND_OK; i++) {
    char number[24];
    snprintf(number, sizeof number, "%d", i);
    const char *values[] = {number};
    PQclear(result);
    double start = microseconds();
    result = PQexecPrepared(postgres, "insert", 1, values, NULL, NULL, 0);
    took[i] = microseconds() - start;
  }
  if (!took || PQresultStatus(result) != PGRES_COMMAND_OK) {
    fprintf(stderr, "round_trip: %s", PQerrorMessage(postgres));
    return 1;
  }
  PQclear(result);
  PQfinish(postgres);
  qsort(took, (size_t)times, sizeof *took, compare);
  printf("p50_microseconds %.0f\np99_microseconds %.0f\n", took[times / 2], took[times * 99 / 100]);
  free(took);
  return 0;
}
