extension ConfigurationSchema {
  static let redis = Section(
    "redis", "The Redis or Valkey that agents write to.",
    [
      ConfigurationKey(
        "redis.url", \.redis.url,
        .url(schemes: ["redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"]), [],
        "The server and its database. `rediss://` is TLS, `unix:///path/to/redis.sock?db=0` a socket. With Sentinels: "
          + "`redis+sentinel://host:26379,host:26379/SERVICE/0`, with a Cluster: `redis+cluster://host:6379,host:6379`, each as `rediss+...` "
          + "for TLS. A password in it is redacted wherever it is shown; keep it in `redis.password` instead."),
      ConfigurationKey(
        "redis.prefix", \.redis.prefix, .prefix, [],
        "Every key of this installation begins with it, and the consumer group is named by it. Change it when two installations "
          + "share one Redis."),
      ConfigurationKey(
        "redis.username", \.redis.username, .text, .optional,
        "The user of Redis' ACL. Leave it out for the default user."),
      ConfigurationKey(
        "redis.password", \.redis.password, .text, [.optional, .secret],
        "The password. Best given through `TIDEMARK_REDIS_PASSWORD_FILE`, which keeps it out of the file and of process listings."),
      ConfigurationKey(
        "redis.sentinel.username", \.redis.sentinel.username, .text, .optional,
        "The user of the Sentinels' own ACL, which knows none of the servers' users."),
      ConfigurationKey(
        "redis.sentinel.password", \.redis.sentinel.password, .text, [.optional, .secret],
        "The password of the Sentinels, where they want one. Best given through `TIDEMARK_REDIS_SENTINEL_PASSWORD_FILE`."),
      ConfigurationKey(
        "redis.tls.ca_file", \.redis.tls.caFile, .path, .optional,
        "Certificates, as PEM, that a server's certificate must lead to. Leave it out to trust the system's."),
      ConfigurationKey(
        "redis.tls.certificate_file", \.redis.tls.certificateFile, .path, .optional,
        "The certificate, as PEM, that Tidemark shows to a server which asks for one. Goes with `redis.tls.key_file`."),
      ConfigurationKey(
        "redis.tls.key_file", \.redis.tls.keyFile, .path, .optional,
        "The private key, as PEM, of `redis.tls.certificate_file`."),
    ])

  static let postgres = Section(
    "postgres", "The PostgreSQL that everyone reads.",
    [
      ConfigurationKey(
        "postgres.url", \.postgres.url, .url(schemes: ["postgresql", "postgres"]), [],
        "The database, as libpq reads it: `postgresql://user@host:5432/database?sslmode=verify-full&sslrootcert=FILE`. Without "
          + "`verify-full` no certificate is checked, which `check` warns of where the host is another machine. Point it at the server "
          + "itself or at a pooler in session mode; one in transaction mode is refused. The database must store UTF8."),
      ConfigurationKey(
        "postgres.schema", \.postgres.schema, .identifier, [],
        "The schema that holds every table and function. Change it when two installations share one database."),
      ConfigurationKey(
        "postgres.writers", \.postgres.writers, .integer(1...64), [],
        "Connections that write, for each worker. More help while commits wait for the disk or the network; beyond the server's "
          + "cores they only compete."),
      ConfigurationKey(
        "postgres.password", \.postgres.password, .text, [.optional, .secret],
        "The password. Best given through `TIDEMARK_POSTGRES_PASSWORD_FILE`; leave it out for `.pgpass`, peer or certificate "
          + "authentication."),
      ConfigurationKey(
        "postgres.statement_timeout", \.postgres.statementTimeout, .duration(.milliseconds(100)...(.seconds(3600))), [],
        "After it the server ends a statement, which is then tried again. Raise it for a slow server with large batches."),
      ConfigurationKey(
        "postgres.lock_timeout", \.postgres.lockTimeout, .duration(.milliseconds(10)...(.seconds(3600))), [],
        "How long a statement waits for a lock, such as that of somebody's `ALTER TABLE`, before the batch is tried again."),
    ])

  static let http = Section(
    "http", "Status page, metrics and probes.",
    [
      ConfigurationKey(
        "http.listen", \.http.listen, .address, [],
        "Where the HTTP server listens; `off` for none. Beyond loopback a token is required. `0.0.0.0:9847` is every IPv4 "
          + "address of the machine."),
      ConfigurationKey(
        "http.token_file", \.http.tokenFile, .path, .optional,
        "A file that holds the token which requests must bear. `/metrics` and the probes need none."),
      ConfigurationKey(
        "http.tls.certificate_file", \.http.tls.certificateFile, .path, .optional,
        "The server's certificate chain, as PEM; with it the server speaks HTTPS. Goes with `http.tls.key_file`."),
      ConfigurationKey(
        "http.tls.key_file", \.http.tls.keyFile, .path, .optional,
        "The private key, as PEM, of `http.tls.certificate_file`."),
    ])

  static let log = Section(
    "log", "What is written to standard error.",
    [
      ConfigurationKey(
        "log.level", \.log.level, .choice(Configuration.LogLevel.allCases.map(\.rawValue)), [],
        "The least severe event that is logged. `debug` shows every batch; nothing is ever logged for a single entry."),
      ConfigurationKey(
        "log.format", \.log.format, .choice(Configuration.LogFormat.allCases.map(\.rawValue)), [],
        "`text` for people, `json` (one object a line) for log collectors."),
    ])
}
