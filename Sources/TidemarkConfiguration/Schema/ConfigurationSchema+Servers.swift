internal import TidemarkCore

extension ConfigurationSchema {
  static let redis = Section(
    "redis", "The Redis or Valkey that agents write to.",
    [
      ConfigurationKey(
        "redis.url", \.redis.url,
        .url(schemes: RedisURL.schemes), [],
        "The server and its database, as `/0` or `?db=0`. `rediss://` uses TLS, `unix:///path/to/redis.sock?db=0` a socket. The form for Sentinels is "
          + "`redis+sentinel://host:26379,host:26379/SERVICE/0` and for a Cluster `redis+cluster://host:6379,host:6379`, each with `rediss+...` "
          + "for TLS. A password in the URL is redacted wherever the URL is shown; `redis.password` is the better place for it."),
      ConfigurationKey(
        "redis.prefix", \.redis.prefix, .prefix, [],
        "The beginning of every key of this installation, and the name of its consumer group. Change it when two installations "
          + "share one Redis."),
      ConfigurationKey(
        "redis.username", \.redis.username, .text, .optional,
        "The user of Redis' ACL. If unset, the default user."),
      ConfigurationKey(
        "redis.password", \.redis.password, .text, [.optional, .secret],
        "The password. Prefer `TIDEMARK_REDIS_PASSWORD_FILE`, which keeps it out of the configuration file and of process listings."),
      ConfigurationKey(
        "redis.sentinel.username", \.redis.sentinel.username, .text, .optional,
        "The user of the Sentinels' own ACL, which is separate from the servers' ACL."),
      ConfigurationKey(
        "redis.sentinel.password", \.redis.sentinel.password, .text, [.optional, .secret],
        "The password of the Sentinels, if they require one. Prefer `TIDEMARK_REDIS_SENTINEL_PASSWORD_FILE`."),
      ConfigurationKey(
        "redis.tls.ca_file", \.redis.tls.caFile, .path, .optional,
        "The certificate authorities, as PEM, that are trusted to sign a server's certificate. If unset, the system's."),
      ConfigurationKey(
        "redis.tls.certificate_file", \.redis.tls.certificateFile, .path, .optional,
        "The client certificate, as PEM, for a server that requests one. Requires `redis.tls.key_file`."),
      ConfigurationKey(
        "redis.tls.key_file", \.redis.tls.keyFile, .path, .optional,
        "The private key, as PEM, of `redis.tls.certificate_file`."),
    ])

  static let postgres = Section(
    "postgres", "The PostgreSQL that everyone reads.",
    [
      ConfigurationKey(
        "postgres.url", \.postgres.url, .url(schemes: ["postgresql", "postgres"]), [],
        "The database, in libpq's format: `postgresql://user@host:5432/database?sslmode=verify-full&sslrootcert=FILE`. Without "
          + "`verify-full` no certificate is checked, and `check` warns if the host is another machine. The URL must lead to the server "
          + "itself or to a pooler in session mode; a pooler in transaction mode is refused. The database's encoding must be UTF8."),
      ConfigurationKey(
        "postgres.schema", \.postgres.schema, .identifier, [],
        "The schema of all tables and functions. Change it when two installations share one database."),
      ConfigurationKey(
        "postgres.writers", \.postgres.writers, .integer(1...64), [],
        "The number of writing connections of each worker. More connections help while commits wait for the disk or the network; more than "
          + "the server has cores only compete."),
      ConfigurationKey(
        "postgres.password", \.postgres.password, .text, [.optional, .secret],
        "The password. Prefer `TIDEMARK_POSTGRES_PASSWORD_FILE`; leave it unset for `.pgpass`, peer or certificate "
          + "authentication."),
      ConfigurationKey(
        "postgres.statement_timeout", \.postgres.statementTimeout, .duration(.milliseconds(100)...(.seconds(3600))), [],
        "The time after which the server cancels a statement, which is then retried. Raise it for a slow server with large batches."),
      ConfigurationKey(
        "postgres.lock_timeout", \.postgres.lockTimeout, .duration(.milliseconds(10)...(.seconds(3600))), [],
        "The time that a statement waits for a lock, such as that of an `ALTER TABLE`, before the batch is retried."),
    ])

  static let http = Section(
    "http", "The status page, the metrics and the probes.",
    [
      ConfigurationKey(
        "http.listen", \.http.listen, .address, [],
        "The address of the HTTP server; `off` for none. Addresses other than loopback require a token. `0.0.0.0:9847` is every IPv4 "
          + "address of the machine."),
      ConfigurationKey(
        "http.token_file", \.http.tokenFile, .path, .optional,
        "A file that holds the token for requests. `/metrics` and the probes need no token."),
      ConfigurationKey(
        "http.tls.certificate_file", \.http.tls.certificateFile, .path, .optional,
        "The server's certificate chain, as PEM, which enables HTTPS. Requires `http.tls.key_file`."),
      ConfigurationKey(
        "http.tls.key_file", \.http.tls.keyFile, .path, .optional,
        "The private key, as PEM, of `http.tls.certificate_file`."),
    ])

  static let log = Section(
    "log", "The log, which is written to standard error.",
    [
      ConfigurationKey(
        "log.level", \.log.level, .choice(Configuration.LogLevel.allCases.map(\.rawValue)), .live,
        "The lowest severity that is logged. `debug` logs every batch; single entries are never logged."),
      ConfigurationKey(
        "log.format", \.log.format, .choice(Configuration.LogFormat.allCases.map(\.rawValue)), [],
        "`text` for people, `json` (one object per line) for log collectors."),
    ])
}
